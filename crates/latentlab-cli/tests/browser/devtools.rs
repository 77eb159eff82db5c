//! A headless Chromium, told what to do by its DevTools protocol over two named pipes.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// A browser with one page, which ends with the test.
pub struct Browser {
    process: Child,
    commands: File,
    messages: Receiver<Value>,
    session: Value,
    last: u64,
    /// Events that came while an answer was waited for.
    events: Vec<Value>,
    _folder: tempfile::TempDir,
}

impl Browser {
    /// Starts the program `name`.
    pub fn start(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (commands, answers) = (
            folder.path().join("commands"),
            folder.path().join("answers"),
        );
        let made = Command::new("mkfifo").args([&commands, &answers]).status();
        assert!(made.unwrap().success());
        // Chromium reads commands from descriptor 3 and answers on 4; the shell opens them.
        let process = Command::new("sh")
            .args([
                "-c",
                "exec \"$@\" 3<\"$COMMANDS\" 4>\"$ANSWERS\"",
                "sh",
                name,
            ])
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
            ])
            .args(["--no-first-run", "--disable-background-networking"])
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ))
            .args(["--remote-debugging-pipe", "about:blank"])
            .env("COMMANDS", &commands)
            .env("ANSWERS", &answers)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let commands = OpenOptions::new().write(true).open(commands).unwrap();
        let answers = BufReader::new(File::open(answers).unwrap());
        let (sender, messages) = channel();
        thread::spawn(move || {
            for message in answers.split(0) {
                let Ok(message) = message else { break };
                let value = serde_json::from_slice(&message).unwrap();
                if sender.send(value).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            process,
            commands,
            messages,
            session: Value::Null,
            last: 0,
            events: Vec::new(),
            _folder: folder,
        };
        let page = browser.command("Target.createTarget", json!({ "url": "about:blank" }));
        let target = json!({ "targetId": page["targetId"], "flatten": true });
        browser.session = browser.command("Target.attachToTarget", target)["sessionId"].take();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.command(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Gives a command and waits for its answer.
    pub fn command(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": parameters });
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        write!(self.commands, "{message}\0").unwrap();
        loop {
            let mut message = self.receive(method);
            if message["id"] == self.last {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    fn receive(&self, what: &str) -> Value {
        let message = self.messages.recv_timeout(Duration::from_secs(60));
        message.unwrap_or_else(|error| panic!("the browser says nothing to {what}: {error}"))
    }

    /// Opens a file and waits until it is loaded.
    pub fn open(&mut self, file: &Path) {
        let loaded = |event: &Value| event["method"] == "Page.loadEventFired";
        self.events.retain(|event| !loaded(event));
        let url = format!("file://{}", file.display());
        let answer = self.command("Page.navigate", json!({ "url": url }));
        assert!(answer["errorText"].is_null(), "{answer}");
        while !self.events.iter().any(loaded) {
            let event = self.receive("Page.navigate");
            self.events.push(event);
        }
    }

    /// Gives the page a size in CSS pixels.
    pub fn resize(&mut self, width: u64, height: u64) {
        let mobile = width < 600;
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile
        });
        self.command("Emulation.setDeviceMetricsOverride", size);
    }

    /// The value of an expression in the page.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true });
        let mut answer = self.command("Runtime.evaluate", asked);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].take()
    }

    /// Presses a key and lets it go.
    pub fn press(&mut self, key: &str, code: u64) {
        for kind in ["rawKeyDown", "keyUp"] {
            let event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code
            });
            self.command("Input.dispatchKeyEvent", event);
        }
    }

    /// A PNG of the page as far as its size shows it.
    pub fn screenshot(&mut self) -> Vec<u8> {
        let answer = self.command("Page.captureScreenshot", json!({ "format": "png" }));
        STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }

    /// Everything that the console holds by now, errors and warnings alike.
    pub fn complaints(&mut self) -> Vec<String> {
        let of = [
            "Runtime.exceptionThrown",
            "Runtime.consoleAPICalled",
            "Log.entryAdded",
        ];
        let found = self.seen(|event| of.iter().any(|method| event["method"] == *method));
        found
            .into_iter()
            .map(|event| event["params"].to_string())
            .collect()
    }

    /// The addresses that were asked for by now.
    pub fn requests(&mut self) -> Vec<String> {
        let found = self.seen(|event| event["method"] == "Network.requestWillBeSent");
        let urls = found.iter().map(|event| &event["params"]["request"]["url"]);
        urls.map(|url| url.as_str().unwrap().to_owned()).collect()
    }

    fn seen(&mut self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        // Whatever was said before this answer has come with it.
        self.command("Runtime.evaluate", json!({ "expression": "0" }));
        let events = self.events.iter();
        events.filter(|event| wanted(event)).cloned().collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
