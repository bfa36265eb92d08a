"""SYQ (Faraone et al., CVPR 2018) as PyTorch layers, with the definitions of ARCHITECTURE.md, and how to save
a network of them so that `syq-train import` reads it. docs/import.md explains the file.

A quantized layer quantizes the activations that it reads and its weights:
  weights  Wq = alpha_i * code, code = 0 where |W| < eta * max|W| (ternary only), else the sign of W, with sign(0) = +1;
           with weight normalization W means the normalised weights here
  inputs   u = clamp(floor(x / step + 1/2), 0, 2^bits - 1), standing for u * step
"""
import json
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn


class QuantizeWeight(torch.autograd.Function):
    """alpha broadcasts over the weights. Straight-through: dW = alpha*g above the threshold and g below it, without a
    clip window; dalpha = sum of g*code over the subgroup. Binary weights all count as above."""

    @staticmethod
    def forward(ctx, weight, alpha, eta, binary):
        threshold = eta * weight.detach().abs().max()
        sign = torch.where(weight >= 0, 1.0, -1.0).to(weight.dtype)
        code = sign if binary else sign * (weight.abs() >= threshold)
        above = torch.ones_like(weight, dtype=torch.bool) if binary else weight.abs() > threshold
        ctx.save_for_backward(sign, above, alpha)
        return code * alpha

    @staticmethod
    def backward(ctx, g):
        sign, above, alpha = ctx.saved_tensors
        return torch.where(above, alpha * g, g), (g * sign * above).sum_to_size(alpha.shape), None, None


class Round(torch.autograd.Function):
    """Half up; the gradient passes."""

    @staticmethod
    def forward(ctx, x):
        return torch.floor(x + 0.5)

    @staticmethod
    def backward(ctx, g):
        return g


class Quantizer:
    """What a quantized convolution and a quantized fully connected layer share."""

    def arm(self, weights, granularity, bits, range_, eta, normalization="none"):
        """weights: "float" (only the input is quantized), "8bit", "binary" or "ternary"; granularity of the last two: "layer",
        "row" or "pixel"; range_: "unit", "learned", {"fixed_point": fractional bits} or, signed, {"symmetric": bound};
        normalization of the weights that get codes: "none", "layer" or "filter"."""
        self.weights, self.largest, self.eta, self.normalization = weights, 2 ** bits - 1, eta, normalization
        self.smallest = 0
        if weights in ("binary", "ternary"):
            # One scale for the layer, a kernel row or a kernel position; mean |W| to begin with.
            kept = {"layer": (), "row": (2,), "pixel": (2, 3)}[granularity] if self.weight.dim() == 4 else ()
            shared = [d for d in range(self.weight.dim()) if d not in kept]
            self.alpha = nn.Parameter(self.weight.detach().abs().mean(shared, keepdim=True))
        if range_ == "learned":
            self.step = nn.Parameter(torch.zeros(()))
        elif range_ == "unit":
            self.inverse = float(self.largest)
        elif "fixed_point" in range_:
            self.inverse = 2.0 ** range_["fixed_point"]
        else:
            self.smallest, self.largest, self.inverse = -127, 127, 127 / range_["symmetric"]

    def quantized(self, x):
        if not hasattr(self, "step"):
            return Round.apply((x * self.inverse).clamp(self.smallest, self.largest)) * (1 / self.inverse)
        if self.step.item() == 0:  # the first batch (LSQ, Esser et al., ICLR 2020)
            self.step.data.fill_(2 * x.detach().abs().mean() / self.largest ** 0.5)
        # LSQ: the step's gradient is divided by sqrt(N * (2^bits - 1)), N the values that one picture has here.
        slow = (x[0].numel() * self.largest) ** -0.5
        step = self.step * slow + (self.step - self.step * slow).detach()
        return Round.apply((x / step).clamp(0, self.largest)) * step

    def normalized(self):
        """The weights whose codes are taken: (W - mean) / sqrt(variance + 1e-10) of the layer or of each filter."""
        if self.normalization == "none":
            return self.weight
        over = tuple(range(0 if self.normalization == "layer" else 1, self.weight.dim()))
        w = self.weight.double()
        deviations = w - w.mean(over, keepdim=True)
        return (deviations * (1 / (deviations.square().mean(over, keepdim=True) + 1e-10).sqrt())).to(self.weight.dtype)

    def coded(self):
        if self.weights == "float":
            return self.weight
        if self.weights == "8bit":  # a scale a filter, halves away from zero, straight-through
            largest = self.weight.detach().flatten(1).abs().amax(1).view(-1, *[1] * (self.weight.dim() - 1)).double()
            codes = torch.sign(self.weight) * torch.floor(127 * self.weight.abs().double() / largest + 0.5)
            return self.weight + ((codes * largest / 127).to(self.weight.dtype) - self.weight).detach()
        eta = 0.0 if self.weights == "binary" else self.eta
        return QuantizeWeight.apply(self.normalized(), self.alpha, eta, self.weights == "binary")


class SyqConv2d(nn.Conv2d, Quantizer):
    def forward(self, x):
        return self._conv_forward(self.quantized(x), self.coded(), self.bias)


class SyqLinear(nn.Linear, Quantizer):
    def forward(self, x):
        return F.linear(self.quantized(x), self.coded(), self.bias)


def convert(model, first, last, weights, granularity, bits, range_="unit", eta=0.05, last_reads="floats", bound=None,
            normalization="none"):
    """Makes the layers of a trained float `model` quantized ones, in place. The layers called `first` and `last` and the
    1x1 shortcuts (`downsample`) stay float; with a `bound`, the largest magnitude of the normalised pictures, they
    get 8 bits. last_reads="codes" where an activation stands before the last layer (VGG, AlexNet, not ResNet)."""
    for name, layer in list(model.named_modules()):
        if not isinstance(layer, (nn.Conv2d, nn.Linear)):
            continue
        plan = (weights, granularity, bits, range_, eta, normalization)
        if name == first:
            plan = ("8bit", None, 8, {"symmetric": bound}, eta) if bound else None
        elif name == last and last_reads == "codes":
            plan = ("8bit" if bound else "float", None, bits, range_, eta)
        elif name == last or "downsample" in name:
            plan = ("8bit", None, 8, "learned", eta) if bound else None
        if plan:
            layer.__class__ = SyqConv2d if isinstance(layer, nn.Conv2d) else SyqLinear
            layer.arm(*plan)
    return model


def save(model, path, **description):
    """Writes the state dict with its description: net, weights, granularity, activation_bits, activation_range, threshold,
    weight_normalization, image_size, mean, std, classes and so on, as docs/import.md lists them."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    save_file(tensors, path, metadata={"syq": json.dumps(description)})
