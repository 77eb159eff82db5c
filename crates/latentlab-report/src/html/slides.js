
"use strict";

// Turns the pictures of a section into one that a slider leads through the steps.
function slides(pictures) {
  const [stage, ...earlier] = pictures.querySelectorAll("figure");
  if (!earlier.length) return;
  const strip = pictures.querySelector(".earlier");
  const last = stage.cloneNode(true);
  strip.append(last);
  const frames = [...earlier, last];
  const image = stage.querySelector("img");
  const caption = stage.querySelector("figcaption");
  const make = (name, properties) => Object.assign(document.createElement(name), properties);
  const slider = make("input", { type: "range", min: 0, max: frames.length - 1, step: 1 });
  const button = make("button", { type: "button" });
  const controls = make("div", { className: "controls" });
  slider.setAttribute("aria-label", "training step of the picture");
  controls.append(button, slider);
  stage.insertBefore(controls, caption);
  pictures.classList.add("slides");

  function show(index) {
    slider.value = index;
    const frame = frames[index];
    image.src = frame.querySelector("img").src;
    image.alt = frame.querySelector("img").alt;
    caption.textContent = frame.textContent;
    slider.setAttribute("aria-valuetext", frame.textContent);
    frames.forEach((other) => other.classList.toggle("shown", other === frame));
  }

  let timer = 0;
  function stop() {
    clearInterval(timer);
    timer = 0;
    button.textContent = "▶";
    button.setAttribute("aria-label", "play");
  }
  function play() {
    if (Number(slider.value) === frames.length - 1) show(0);
    button.textContent = "⏸";
    button.setAttribute("aria-label", "pause");
    timer = setInterval(() => {
      show(Number(slider.value) + 1);
      if (Number(slider.value) === frames.length - 1) stop();
    }, 400);
  }

  slider.addEventListener("input", () => {
    stop();
    show(Number(slider.value));
  });
  button.addEventListener("click", () => (timer ? stop() : play()));
  frames.forEach((frame, index) =>
    frame.addEventListener("click", () => {
      stop();
      show(index);
    }),
  );
  stop();
  show(frames.length - 1);
}

document.querySelectorAll(".pictures").forEach(slides);
