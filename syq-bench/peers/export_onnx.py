"""export_onnx.py MODELS NAME…: ONNX in f32, int8 (static QDQ and QLinearConv, dynamic), and OpenVINO in f32 and int8.

What is there already is not made again."""
import os
import sys

import numpy as np
import nncf
import onnx
import openvino as ov
from onnxruntime import quantization as q

from float_onnx import float_model

PICTURES = 16  # for calibration


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
