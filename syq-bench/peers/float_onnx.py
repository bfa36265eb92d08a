"""float_onnx.py MODELS NAME…: the float twins in ONNX, with weights of a seed.

Not called onnx_model: ONNX Runtime imports its own module of that name, and a script's folder is searched first."""
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from network import padding, read

OPSET, IR = 17, 8  # old enough for every peer


def float_model(models, name):
    """The ONNX graph and the side of its input."""
    side, layers = read(models, name)
    random = np.random.default_rng(0)
    nodes, weights, channels, features = [], [], {"input": 3}, {}
    sides = {"input": side}

    def tensor(name, *shape, deviation):
        values = random.standard_normal(shape, dtype=np.float32) * np.float32(deviation)
        weights.append(numpy_helper.from_array(values, name))
        return name

    def weighted(layer, outputs, *fan_in):
        deviation = (2 / np.prod(fan_in)) ** 0.5
        inputs = [layer.inputs[0], tensor(f"{layer.name}.weight", outputs, *fan_in, deviation=deviation)]
        return inputs + ([tensor(f"{layer.name}.bias", outputs, deviation=0.1)] if layer.bias else [])

    for layer in layers:
        op, source = layer.op, layer.inputs[0]
        inputs, kind, attributes = layer.inputs, None, {}
        sides[layer.name], channels[layer.name] = sides[source], channels[source]
        if op["op"] in ("conv", "max_pool"):
            pads = padding(op)
            attributes = {"kernel_shape": op["kernel"], "strides": op["stride"], "pads": pads}
            sides[layer.name] = (sides[source] + pads[0] + pads[2] - op["kernel"][0]) // op["stride"][0] + 1
        if op["op"] == "conv":
            attributes["group"] = op["groups"]
            inputs = weighted(layer, op["filters"], channels[source] // op["groups"], *op["kernel"])
            kind, channels[layer.name] = "Conv", op["filters"]
        elif op["op"] == "max_pool":
            kind = "MaxPool"
        elif op["op"] == "global_average_pool":
            # The classifier takes a vector, and ONNX keeps the two dimensions of one pixel.
            pooled = f"{layer.name}.mean"
            nodes.append(helper.make_node("GlobalAveragePool", inputs, [pooled], pooled))
            kind, inputs, features[layer.name] = "Flatten", [pooled], channels[source]
        elif op["op"] == "flatten":
            kind, features[layer.name] = "Flatten", channels[source] * sides[source] ** 2
        elif op["op"] == "linear":
            inputs = weighted(layer, op["outputs"], features[source])
            kind, attributes, features[layer.name] = "Gemm", {"transB": 1}, op["outputs"]
        elif op["op"] in ("relu", "add"):
            kind = op["op"].capitalize()
            features[layer.name] = features.get(source)
        else:
            raise ValueError(f"{name}: {layer.name} is {op['op']}")
        nodes.append(helper.make_node(kind, inputs, [layer.name], layer.name, **attributes))
    x = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, side, side])
    y = helper.make_tensor_value_info(layers[-1].name, TensorProto.FLOAT, ["batch", features[layers[-1].name]])
    graph = helper.make_graph(nodes, name, [x], [y], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    onnx.checker.check_model(model, full_check=True)
    return model, side


if __name__ == "__main__":
    for name in sys.argv[2:]:
        onnx.save(float_model(sys.argv[1], name)[0], f"{sys.argv[1]}/{name}.onnx")
