"""export_onnx.py MODELS NAME…: ONNX in f32, int8 (static QDQ and QLinearConv, dynamic), and OpenVINO in f32 and int8.

What is there already is not made again."""
import os
import sys

import numpy as np
import nncf
import onnx
import openvino as ov
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization as q

from network import padding, read

OPSET, IR = 17, 8  # old enough for every peer
PICTURES = 16  # for calibration


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


def pictures(side):
    random = np.random.default_rng(1)
    return [random.standard_normal((1, 3, side, side), dtype=np.float32) for _ in range(PICTURES)]


class Calibration(q.CalibrationDataReader):
    def __init__(self, side):
        self.pictures = iter(pictures(side))

    def get_next(self):
        picture = next(self.pictures, None)
        return None if picture is None else {"input": picture}


def export(models, name):
    path = f"{models}/{name}"
    if os.path.exists(f"{path}.ov8.bin"):
        return
    model, side = float_model(models, name)
    onnx.save(model, f"{path}.onnx")
    # QLinearConv alone in the second: tract has no quantized addition, pooling and fully connected layer.
    for kind, form, operations in (("qdq", q.QuantFormat.QDQ, None), ("qop", q.QuantFormat.QOperator, ["Conv"])):
        q.quantize_static(f"{path}.onnx", f"{path}.{kind}.onnx", Calibration(side), quant_format=form, per_channel=True,
                          op_types_to_quantize=operations, activation_type=q.QuantType.QUInt8,
                          weight_type=q.QuantType.QInt8)
    q.quantize_dynamic(f"{path}.onnx", f"{path}.dyn.onnx", weight_type=q.QuantType.QInt8)
    converted = ov.convert_model(f"{path}.onnx")
    ov.save_model(converted, f"{path}.ov.xml", compress_to_fp16=False)
    quantized = nncf.quantize(converted, nncf.Dataset(pictures(side)), subset_size=PICTURES)
    ov.save_model(quantized, f"{path}.ov8.xml")


if __name__ == "__main__":
    for name in sys.argv[2:]:
        export(sys.argv[1], name)
        print(f"{name}: ONNX and OpenVINO", file=sys.stderr, flush=True)
