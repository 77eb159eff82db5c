"""The workloads of LatentLab's benches in PyTorch, written as its best users write them.

    python peer.py NAME --mode eager|fused|compiled|tuned|bf16|bf16c [--threads N] [--batch N]

Speaks the protocol of the benches' program `workload`: prints `ready FLOPS IMAGES` after the first
step (FLOPS is 0 here), then answers each line `steps N` with the milliseconds that N steps took.

eager     plain modules, torch.optim.Adam as it comes
fused     Adam(fused=True)
compiled  torch.compile, Adam(fused=True)
tuned     Adam(fused=True), subnormal numbers flushed to zero, channels-last images, the
          discriminator's parameters frozen in the generator's step; whoever starts it sets
          OMP_WAIT_POLICY=active and malloc's thresholds
bf16      tuned, with the forward passes and losses under torch.autocast("cpu", torch.bfloat16)
bf16c     bf16 and torch.compile

A step of a game is one of the discriminator (real images, then generated ones without the
generator's graph) and one of the generator on the same images, as in pytorch/examples/dcgan.
Data are eight random batches, as in the workloads on the other side.
"""

import argparse
import contextlib
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

EVALUATED = 10_000
MODES = ["eager", "fused", "compiled", "tuned", "bf16", "bf16c"]
TUNED = ["tuned", "bf16", "bf16c"]
COMPILED = ["compiled", "bf16c"]
AUTOCAST = ["bf16", "bf16c"]
cross_entropy = F.binary_cross_entropy_with_logits


def dense(sizes, activation, *last):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1], *last)


def leaky():
    return nn.LeakyReLU(0.2, inplace=True)


def relu():
    return nn.ReLU(inplace=True)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = dense([784, 512, 256, 32], relu)
        self.decoder = dense([32, 256, 512, 784], relu)

    def forward(self, x):
        x = x.flatten(1)
        output = self.decoder(self.encoder(x))
        return cross_entropy(output, x, reduction="sum") / x.shape[0]


class Variational(nn.Module):
    def bound(self, x):
        h = self.encoder(x)
        # In 32 bits under autocast too: the divergence is a sum of small differences.
        mu, log_var = self.mu(h).float(), self.log_var(h).float()
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * log_var)
        divergence = -0.5 * torch.sum(1 + log_var - mu * mu - log_var.exp())
        return self.decoder(z), divergence


class DenseVae(Variational):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 400), relu())
        self.mu, self.log_var = nn.Linear(400, 20), nn.Linear(400, 20)
        self.decoder = dense([20, 400, 784], relu)

    def forward(self, x):
        output, divergence = self.bound(x)
        nll = cross_entropy(output, x.flatten(1), reduction="sum")
        return (nll + divergence) / x.shape[0]


class ConvVae(Variational):
    def __init__(self):
        super().__init__()
        sizes = [3, 32, 64, 128, 256]
        stages = [
            layer
            for a, b in zip(sizes, sizes[1:])
            for layer in (nn.Conv2d(a, b, 4, 2, 1), relu())
        ]
        self.encoder = nn.Sequential(*stages, nn.Flatten())
        self.mu, self.log_var = nn.Linear(4096, 128), nn.Linear(4096, 128)
        stages = [
            layer
            for a, b in zip(sizes[::-1], sizes[-2::-1])
            for layer in (relu(), nn.ConvTranspose2d(a, b, 4, 2, 1))
        ]
        head = [nn.Linear(128, 4096), nn.Unflatten(1, (256, 4, 4))]
        self.decoder = nn.Sequential(*head, *stages, nn.Sigmoid())

    def forward(self, x):
        output, divergence = self.bound(x)
        return (0.5 * F.mse_loss(output, x, reduction="sum") + divergence) / x.shape[0]


def dcgan(channels, hidden, side):
    """Generator and discriminator of Radford et al. 2016 with a linear layer at either end."""
    sizes = [channels, *hidden]
    down, up = [], []
    for stage, (a, b) in enumerate(zip(sizes, sizes[1:])):
        norm = [nn.BatchNorm2d(b)] if stage else []
        down += [nn.Conv2d(a, b, 4, 2, 1), *norm, leaky()]
    for a, b in zip(sizes[:0:-1], sizes[-2::-1]):
        up += [nn.BatchNorm2d(a), relu(), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    features = hidden[-1] * side * side
    head = [nn.Linear(100, features), nn.Unflatten(1, (hidden[-1], side, side))]
    return nn.Sequential(*head, *up, nn.Tanh()), nn.Sequential(
        *down, nn.Flatten(), nn.Linear(features, 1)
    )


def dense_game():
    generator = dense([100, 256, 512, 1024, 784], leaky, nn.Tanh(), nn.Unflatten(1, (1, 28, 28)))
    return generator, nn.Sequential(nn.Flatten(), dense([784, 512, 256, 1], leaky))


MODELS = {
    "a": Autoencoder,
    "b": DenseVae,
    "elbo": DenseVae,
    "c": dense_game,
    "sample": dense_game,
    "d": lambda: dcgan(1, [64, 128], 7),
    "e": ConvVae,
    "f": lambda: dcgan(3, [64, 128, 256, 512], 4),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=MODELS)
    parser.add_argument("--mode", choices=MODES, required=True)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--batch", type=int, default=0)
    arguments = parser.parse_args()
    name, mode = arguments.name, arguments.mode
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    tuned = mode in TUNED
    if tuned:
        torch.set_flush_denormal(True)
    torch.manual_seed(0)

    game = name in ("c", "d", "f", "sample")
    evaluated = name in ("sample", "elbo")
    batch = arguments.batch or (2000 if evaluated else 64 if name == "f" else 128)
    shape = (3, 64, 64) if name in ("e", "f") else (1, 28, 28)
    format = torch.channels_last if tuned else torch.contiguous_format
    data = [torch.rand(batch, *shape) for _ in range(8)]
    data = [(2 * x - 1 if game else x).contiguous(memory_format=format) for x in data]

    def prepare(model):
        model = model.to(memory_format=format)
        return torch.compile(model) if mode in COMPILED else model

    def precision():
        """Around a forward pass, one for each step of an optimizer: it keeps the weights in bf16."""
        if mode in AUTOCAST:
            return torch.autocast("cpu", torch.bfloat16)
        return contextlib.nullcontext()

    def adam(model):
        rates = {"lr": 2e-4, "betas": (0.5, 0.999)} if game else {"lr": 1e-3}
        fused = {} if mode == "eager" else {"fused": True}
        return torch.optim.Adam(model.parameters(), **rates, **fused)

    def evaluation(work):
        def step(_):
            with torch.inference_mode(), precision():
                for index in range(EVALUATED // batch):
                    work(data[index % 8])

        return step

    if game:
        generator, discriminator = MODELS[name]()
        parameters = list(discriminator.parameters())
        optimizers = adam(generator), adam(discriminator)
        generator, discriminator = prepare(generator), prepare(discriminator)
        real, fake = torch.ones(batch, 1), torch.zeros(batch, 1)

        def step(index):
            of_generator, of_discriminator = optimizers
            of_discriminator.zero_grad(set_to_none=True)
            with precision():
                loss = cross_entropy(discriminator(data[index % 8]), real)
            loss.backward()
            with precision():
                images = generator(torch.randn(batch, 100))
                loss = cross_entropy(discriminator(images.detach()), fake)
            loss.backward()
            of_discriminator.step()
            of_generator.zero_grad(set_to_none=True)
            for parameter in parameters if tuned else []:
                parameter.requires_grad_(False)
            with precision():
                loss = cross_entropy(discriminator(images), real)
            loss.backward()
            for parameter in parameters if tuned else []:
                parameter.requires_grad_(True)
            of_generator.step()

        if evaluated:
            generator.eval()
            step = evaluation(lambda _: generator(torch.randn(batch, 100)))
    else:
        model = MODELS[name]()
        optimizer = adam(model)
        model = prepare(model)

        def step(index):
            optimizer.zero_grad(set_to_none=True)
            with precision():
                loss = model(data[index % 8])
            loss.backward()
            optimizer.step()

        if evaluated:
            model.eval()
            step = evaluation(model)

    step(0)
    print("ready 0", EVALUATED if evaluated else batch, flush=True)
    done = 1
    for line in sys.stdin:
        count = int(line.removeprefix("steps "))
        start = time.perf_counter()
        for index in range(done, done + count):
            step(index)
        done += count
        print((time.perf_counter() - start) * 1e3, flush=True)


if __name__ == "__main__":
    main()
