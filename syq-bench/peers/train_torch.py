"""train_torch.py PRECISION SCHEME PICTURES NET SIDE PADDING BATCH THREADS: one training worker of PyTorch.

Reads the class folders in PICTURES, prints one JSON line, then answers each number n on standard input with one JSON
line: the times of n training steps in milliseconds, and the peak memory of the process in MB (10⁶ bytes).

PRECISION is f32 or bf16 (autocast), both channels last. SCHEME is float, or W2A2: SYQ by fake quantization, pixel-wise
scales and a learned activation step, as a user of PyTorch would write it. NET is resnet20 or resnet18. A step is a
random crop and flip of every picture, both passes, the loss and the update, as in a training script."""
import json
import os
import sys
import time

precision, scheme, pictures, net, side, padding, batch, threads = sys.argv[1:]
side, padding, batch, threads = int(side), int(padding), int(batch), int(threads)
os.environ["OMP_NUM_THREADS"] = str(threads)
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image

torch.set_num_threads(threads)
torch.manual_seed(0)
bf16 = {"f32": False, "bf16": True}[precision]
quantized = {"float": False, "W2A2": True}[scheme]
ETA, LEVELS = 0.05, 3
MEAN, DEVIATION = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]


class Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.floor(x + 0.5)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Quantize(torch.autograd.Function):
    """Ternary weights with the scales alpha, and the straight-through gradients of SYQ's released code."""

    @staticmethod
    def forward(ctx, weight, alpha):
        on = weight.abs() > ETA * weight.abs().max()
        code = torch.where(weight >= 0, 1.0, -1.0) * on
        ctx.save_for_backward(code, on, alpha)
        return code * alpha

    @staticmethod
    def backward(ctx, gradient):
        code, on, alpha = ctx.saved_tensors
        return torch.where(on, gradient * alpha, gradient), (gradient * code).sum((0, 1), keepdim=True)


class Convolution(nn.Conv2d):
    """A convolution that is quantized where the scheme says so: its input by a learned step, its weights by pixel."""

    def __init__(self, inputs, outputs, stride):
        super().__init__(inputs, outputs, 3, stride, 1, bias=False)
        if quantized:
            self.alpha = nn.Parameter(self.weight.detach().abs().mean((0, 1), keepdim=True))
            self.step, self.ready = nn.Parameter(torch.tensor(0.0)), False

    def forward(self, x):
        if not quantized:
            return super().forward(x)
        if not self.ready:
            self.step.data.fill_(2 * x.detach().mean().item() / LEVELS**0.5)
            self.ready = True
        factor = 1 / (x.numel() * LEVELS) ** 0.5
        step = self.step * factor + (self.step - self.step * factor).detach()
        x = Round.apply((x / step).clamp(0, LEVELS)) * step
        return F.conv2d(x, Quantize.apply(self.weight, self.alpha), None, self.stride, self.padding)


class Block(nn.Module):
    """A basic block. The residual stream stays float; only what enters a convolution is quantized."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = Convolution(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = Convolution(outputs, outputs, 1), nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


def network(classes):
    if net == "resnet20":
        layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
        stages = [(16, 3), (32, 3), (64, 3)]
    else:
        layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        stages = [(64, 2), (128, 2), (256, 2), (512, 2)]
    channels = stages[0][0]
    for stage, (width, blocks) in enumerate(stages):
        for index in range(blocks):
            layers.append(Block(channels, width, 2 if stage > 0 and index == 0 else 1))
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def load():
    images, labels = [], []
    names = sorted(name for name in os.listdir(pictures) if os.path.isdir(f"{pictures}/{name}"))
    for label, name in enumerate(names):
        for file in sorted(os.listdir(f"{pictures}/{name}")):
            with Image.open(f"{pictures}/{name}/{file}") as image:
                images.append(np.asarray(image.convert("RGB")))
            labels.append(label)
    x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    assert x.shape[2:] == (side, side), f"pictures of {tuple(x.shape[2:])}"
    x = (x - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(DEVIATION).view(1, 3, 1, 1)
    return x, torch.tensor(labels), len(names)


def augment(x):
    count = len(x)
    padded, result = F.pad(x, (padding,) * 4), torch.empty_like(x, memory_format=torch.channels_last)
    offsets, flips = torch.randint(0, 2 * padding + 1, (count, 2)).tolist(), (torch.rand(count) < 0.5).tolist()
    for index, ((top, left), flip) in enumerate(zip(offsets, flips)):
        image = padded[index, :, top : top + side, left : left + side]
        result[index] = image.flip(2) if flip else image
    return result


def batches(count):
    while True:
        order = torch.randperm(count)
        for first in range(0, count - batch + 1, batch):
            yield order[first : first + batch]


def peak_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024 / 1e6


start = time.perf_counter()
images, labels, classes = load()
model = network(classes).to(memory_format=torch.channels_last)
if quantized:
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, eps=1e-5)
else:
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
chosen = batches(len(images))


def step():
    index = next(chosen)
    x, y = augment(images[index]), labels[index]
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


load_ms = (time.perf_counter() - start) * 1e3
assert np.isfinite(step())
print(json.dumps({"load_ms": load_ms, "first_ms": (time.perf_counter() - start) * 1e3}), flush=True)
for line in sys.stdin:
    times = []
    for _ in range(int(line)):
        start = time.perf_counter()
        loss = step()
        times.append((time.perf_counter() - start) * 1e3)
    assert np.isfinite(loss), loss
    print(json.dumps({"ms": times, "peak_mb": peak_mb()}), flush=True)
