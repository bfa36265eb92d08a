"""Makes the fixtures of syq-train/tests/import: PyTorch's logits of networks whose weights generator.py makes.

Usage, from the top of the repository:
  python3 -m venv /tmp/parity && /tmp/parity/bin/pip install -r syq-train/python/requirements.txt
  /tmp/parity/bin/python syq-train/python/parity.py syq-train/tests/fixtures/import [NAME ...]
Each fixture holds names and shapes of the state dict, what the generator does not make (scales and steps), a checksum
of every layer's codes and the logits of two pictures. timm's networks are checked to have the same names and logits.
"""
import json
import sys
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision

from generator import splitmix64, tensor, uniform
from networks import ResNet20, VggSmall
from syq import QuantizeWeight, Quantizer, Round, SyqConv2d, convert

CLASSES, PICTURES = 10, 3
TORCHVISION = ("resnet18", "resnet34", "resnet50", "alexnet-torchvision", "vgg16", "vgg16-bn")
# timm's names of VGG's fully connected layers, which it has as convolutions.
TIMM_VGG = {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2", "classifier.6": "head.fc"}


def case(name, net, seed, image, dtype="f32", prefix="", **description):
    return dict(name=name, seed=seed, image=image, dtype=dtype, prefix=prefix, description=dict(net=net, **description))


def syq(weights, granularity, bits, range_, eta=0.05):
    eta = {} if weights == "binary" else {"threshold": eta}
    return dict(weights=weights, granularity=granularity, activation_bits=bits, activation_range=range_, **eta)


CIFAR = dict(mean=[0.4914, 0.4822, 0.4465], std=[0.247, 0.2435, 0.2616])
CASES = [
    case("resnet20", "resnet20", 1, 32, **CIFAR),
    case("resnet20-bf16", "resnet20", 2, 32, dtype="bf16", prefix="module.", **CIFAR),
    case("resnet20-f16", "resnet20", 3, 32, dtype="f16", prefix="state_dict.model.", **CIFAR),
    case("vgg-small", "vgg-small", 4, 32, **CIFAR),
    case("resnet18", "resnet18", 5, 64),
    case("resnet34", "resnet34", 6, 64),
    case("resnet50", "resnet50", 7, 64),
    case("resnet20-w2a2-pixel", "resnet20", 8, 32, **CIFAR, **syq("ternary", "pixel", 2, "learned")),
    case("resnet20-w1a2-row", "resnet20", 9, 32, **CIFAR, **syq("binary", "row", 2, "unit")),
    case("resnet20-w2a4-layer", "resnet20", 10, 32, **CIFAR, **syq("ternary", "layer", 4, {"fixed_point": 3}, 0.3)),
    case("vgg-small-w1a4-pixel", "vgg-small", 11, 32, **CIFAR, **syq("binary", "pixel", 4, "learned")),
    case("resnet18-w2a2-pixel", "resnet18", 12, 64, **syq("ternary", "pixel", 2, "learned", 0.1)),
    case("resnet20-w2a2-8bit", "resnet20", 14, 32, first_last="8bit", **CIFAR, **syq("ternary", "pixel", 2, "learned")),
    case("vgg-small-w2a2-8bit", "vgg-small", 15, 32, first_last="8bit", **CIFAR, **syq("ternary", "row", 2, "unit")),
    case("resnet50-w2a8-row", "resnet50", 13, 64, **syq("ternary", "row", 8, "learned")),
    case("resnet20-w2a2-filter", "resnet20", 16, 32, weight_normalization="filter", **CIFAR,
         **syq("ternary", "pixel", 2, "learned", 0.3)),
    case("resnet20-w1a2-layer", "resnet20", 17, 32, weight_normalization="layer", **CIFAR, **syq("binary", "row", 2, "unit")),
    case("alexnet-torchvision", "alexnet-torchvision", 18, 224),
    case("alexnet-torchvision-w2a2-pixel", "alexnet-torchvision", 19, 96, **syq("ternary", "pixel", 2, "learned")),
    case("vgg16", "vgg16", 20, 64),
    case("vgg16-w1a4-row", "vgg16", 21, 32, **syq("binary", "row", 4, "learned")),
    case("vgg16-bn", "vgg16-bn", 22, 32),
    case("vgg16-bn-w2a2-8bit", "vgg16-bn", 23, 32, first_last="8bit", **syq("ternary", "layer", 2, "learned")),
]


def build(net, image, classes=CLASSES):
    if net in TORCHVISION:
        make = getattr(torchvision.models, {"alexnet-torchvision": "alexnet", "vgg16-bn": "vgg16_bn"}.get(net, net))
        model = make(num_classes=classes)
        if image < 224 and hasattr(model, "avgpool") and hasattr(model, "classifier"):
            # The adaptive pooling would make the same 6x6 or 7x7 pixels of any picture; it is the identity at 224.
            model.avgpool = torch.nn.Identity()
            place = next(i for i, m in enumerate(model.classifier) if isinstance(m, torch.nn.Linear))
            inputs = model.features(torch.zeros(1, 3, image, image)).numel()
            model.classifier[place] = torch.nn.Linear(inputs, model.classifier[place].out_features)
        return model
    return {"resnet20": ResNet20, "vgg-small": VggSmall}[net](num_classes=classes)


def shapes(state):
    return {name: list(value.shape) for name, value in state.items() if not name.endswith("num_batches_tracked")}


def fill(model, seed, dtype):
    kind = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[dtype]
    state = model.state_dict()
    made = {n: torch.from_numpy(tensor(seed, n, tuple(s))).to(kind).float() for n, s in shapes(state).items()}
    model.load_state_dict(made, strict=False)
    return model.eval()


def pictures(seed, image):
    """Noise on blocks of 8x8 pixels of one colour: noise alone is the same picture to a network that averages."""
    nhwc = uniform(seed, "noise", (PICTURES, image, image, 3), 0.0, 0.5)
    blocks = uniform(seed, "blocks", (PICTURES, image // 8, image // 8, 3), 0.0, 2.0)
    nhwc = nhwc + blocks.repeat(8, axis=1).repeat(8, axis=2)
    return torch.from_numpy(nhwc).permute(0, 3, 1, 2).contiguous()


def quantize(model, d, x):
    """Quantizes the layers; the scales are moved from where they start."""
    layers = {n: m for n, m in model.named_modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))}
    mean, std = d.get("mean", [0.485, 0.456, 0.406]), d.get("std", [0.229, 0.224, 0.225])
    bound = max(abs((byte - m) / s) for m, s in zip(mean, std) for byte in (0, 1)) if "first_last" in d else None
    convert(model, list(layers)[0], list(layers)[-1], d["weights"], d["granularity"], d["activation_bits"],
            d["activation_range"], d.get("threshold", 0), "floats" if d["net"].startswith("resnet") else "codes", bound,
            d.get("weight_normalization", "none"))
    for name, layer in layers.items():
        if hasattr(layer, "alpha"):
            layer.alpha.data.mul_(torch.from_numpy(uniform(len(name), name, tuple(layer.alpha.shape), 1.0, 0.25)))
    with torch.no_grad():
        model(x)  # sets learned steps
    return model


def checksum(code, channels):
    """Zeros of a layer, and its codes weighted with 24-bit numbers, in the order [filter][row][column][channel]; a fully
    connected layer reads a flattened feature map of so many channels."""
    code = code if code.dim() == 4 else code.reshape(len(code), channels, -1, 1)
    flat = code.permute(0, 2, 3, 1).reshape(-1).to(torch.int64).numpy()
    return [int((flat == 0).sum()), int((flat * (splitmix64(0, flat.size) >> np.uint64(40)).astype(np.int64)).sum())]


def fixture(c):
    d = c["description"]
    x = pictures(c["seed"], c["image"])
    model = fill(build(d["net"], c["image"]), c["seed"], c["dtype"])
    out = dict(c, shapes=shapes(model.state_dict()), made_with=f"torch {torch.__version__}, torchvision {torchvision.__version__}")
    recorded, codes = {}, {}
    if "weights" in d:
        quantize(model, d, x)
        channels = 3
        for name, layer in model.named_modules():
            for key in ("alpha", "step"):
                if isinstance(getattr(layer, key, None), torch.nn.Parameter):
                    value = getattr(layer, key).detach()
                    recorded[f"{name}.{key}"] = [list(value.shape), value.reshape(-1).tolist()]
            if isinstance(layer, Quantizer) and hasattr(layer, "alpha"):
                codes[name] = checksum(torch.sign(layer.coded().detach()) * torch.sign(layer.alpha.detach()), channels)
            if hasattr(layer, "weight"):
                channels = layer.weight.shape[0]
    with torch.no_grad():
        logits = model(x)
    if d["net"] in ("resnet18", "resnet34", "resnet50") and "weights" not in d:
        other = fill(timm.create_model(d["net"], num_classes=CLASSES), c["seed"], c["dtype"])
        assert shapes(other.state_dict()) == out["shapes"], "timm has other names"
        with torch.no_grad():
            assert torch.allclose(other(x), logits, rtol=1e-5, atol=1e-5), "timm has other logits"
        out["made_with"] += f", timm {timm.__version__}"
    if d["net"].startswith("vgg16") and "weights" not in d:
        with torch.no_grad():
            assert torch.allclose(timm_vgg(model, d["net"])(x), logits, rtol=1e-5, atol=1e-5), "timm has other logits"
        out["made_with"] += f", timm {timm.__version__}"
    return dict(out, recorded=recorded, codes=codes, logits=logits.tolist())


def timm_name(name):
    layer, kind = name.rsplit(".", 1)
    return f"{TIMM_VGG.get(layer, layer)}.{kind}"


def timm_vgg(model, net):
    """timm's VGG with the weights of torchvision's `model`, whose classifier may have been made smaller."""
    state = model.state_dict()
    other = timm.create_model(net.replace("-", "_"), num_classes=CLASSES)
    fc1 = other.pre_logits.fc1
    side = round((state["classifier.0.weight"].shape[1] / fc1.in_channels) ** 0.5)
    other.pre_logits.fc1 = torch.nn.Conv2d(fc1.in_channels, fc1.out_channels, side)
    other.pre_logits.input_kernel_size = side
    theirs = other.state_dict()
    other.load_state_dict({timm_name(n): v.reshape(theirs[timm_name(n)].shape) for n, v in state.items()})
    return other.eval()


def names_fixture():
    """Names and shapes of the whole networks, with 1000 classes."""
    whole = {net: build(net, 224, 1000) for net in ("alexnet-torchvision", "vgg16", "vgg16-bn")}
    whole |= {f"timm {net}": timm.create_model(net.replace("-", "_")) for net in ("vgg16", "vgg16-bn")}
    return {net: shapes(model.state_dict()) for net, model in whole.items()}


def layer_fixture():
    """Gradients of one quantized weight tensor and of one activation quantizer."""
    out = dict(seed=99, weights=[], activations=[], normalized=[])
    last = lambda t: t.detach().permute(0, 2, 3, 1).reshape(-1).tolist()
    for weights, eta in (("binary", 0.0), ("ternary", 0.4)):
        for granularity, shape in (("layer", (1, 1, 1, 1)), ("row", (1, 1, 3, 1)), ("pixel", (1, 1, 3, 3))):
            w = torch.from_numpy(uniform(99, "weight", (2, 3, 3, 3), 0.0, 1.0)).requires_grad_()
            alpha = torch.from_numpy(uniform(99, "alpha", shape, 0.5, 0.25)).requires_grad_()
            value = QuantizeWeight.apply(w, alpha, eta, weights == "binary")
            value.backward(torch.from_numpy(uniform(99, "gradient", (2, 3, 3, 3), 0.0, 1.0)))
            out["weights"].append(dict(weights=weights, granularity=granularity, eta=eta, value=last(value),
                                       weight_gradient=last(w.grad), scale_gradient=alpha.grad.reshape(-1).tolist()))
    for weights, eta, normalization in (("ternary", 0.3, "layer"), ("ternary", 0.3, "filter"), ("binary", 0.0, "filter")):
        layer = SyqConv2d(3, 2, 3, bias=False)
        layer.weight.data = torch.from_numpy(uniform(99, "weight", (2, 3, 3, 3), 0.0, 1.0))
        layer.arm(weights, "pixel", 2, "unit", eta, normalization)
        layer.alpha.data = torch.from_numpy(uniform(99, "alpha", (1, 1, 3, 3), 0.5, 0.25))
        value = layer.coded()
        value.backward(torch.from_numpy(uniform(99, "gradient", (2, 3, 3, 3), 0.0, 1.0)))
        out["normalized"].append(dict(weights=weights, granularity="pixel", eta=eta, normalization=normalization,
                                      value=last(value), weight_gradient=last(layer.weight.grad),
                                      scale_gradient=layer.alpha.grad.reshape(-1).tolist()))
    for bits, step in ((1, 0.5), (2, 0.3), (4, 0.07), (8, 0.004)):
        x = torch.from_numpy(uniform(99, "x", (64,), 0.3, 1.0)).requires_grad_()
        s = torch.tensor(step, requires_grad=True)
        parts = [Round.apply((v / s).clamp(0, 2 ** bits - 1)) * s for v in x]
        steps = [torch.autograd.grad(p, s, retain_graph=True)[0].item() for p in parts]
        value = torch.stack(parts)
        value.backward(torch.ones(64))
        out["activations"].append(dict(bits=bits, step=s.item(), value=value.tolist(), input_gradient=x.grad.tolist(), step_gradient=steps))
    return out


def main():
    folder, only = Path(sys.argv[1]), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    for c in CASES:
        if not only or c["name"] in only:
            made = fixture(c)
            lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in made.items())
            (folder / f"{c['name']}.json").write_text("{\n" + lines + "\n}\n")
            print(c["name"], np.abs(made["logits"]).max())
    if not only or "layer" in only:
        (folder / "layer.json").write_text(json.dumps(layer_fixture()) + "\n")
    if not only or "names" in only:
        (folder / "names.json").write_text(json.dumps(names_fixture()) + "\n")


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    main()
