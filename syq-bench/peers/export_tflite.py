"""export_tflite.py MODELS BATCH NAME…: TFLite in f32 and int8, for LiteRT with XNNPACK.

Runs in the environment of requirements-tflite.txt. What is there already is not made again. TFLite has TensorFlow's
paddings alone: where a layer has as many outputs as SAME gives, SAME it is, although the odd pixel lies elsewhere."""
import os
import sys

os.environ.update(TF_USE_LEGACY_KERAS="1", CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
import numpy as np
import tensorflow as tf

from network import padding, read

L = tf.keras.layers


def window(op, x):
    """The Keras arguments of a convolution or pooling of `x`."""
    pads, side = padding(op), x.shape[1]
    outputs = (side + pads[0] + pads[2] - op["kernel"][0]) // op["stride"][0] + 1
    if not any(pads):
        kind = "valid"
    elif outputs == -(-side // op["stride"][0]):
        kind = "same"
    else:
        raise ValueError(f"{op['name']}: TFLite has no such padding")
    return {"strides": op["stride"], "padding": kind}


def build(models, name, batch):
    side, layers = read(models, name)
    tf.keras.utils.set_random_seed(0)
    values = {"input": L.Input((side, side, 3), batch_size=batch)}
    for layer in layers:
        op, inputs = layer.op, [values[name] for name in layer.inputs]
        x = inputs[0]
        match op["op"]:
            case "conv":
                x = L.Conv2D(op["filters"], op["kernel"], groups=op["groups"], use_bias=layer.bias,
                             kernel_initializer="he_normal", bias_initializer="random_normal", **window(op, x))(x)
            case "linear":
                x = L.Dense(op["outputs"], use_bias=layer.bias, kernel_initializer="he_normal",
                            bias_initializer="random_normal")(x)
            case "max_pool":
                x = L.MaxPool2D(op["kernel"], **window(op, x))(x)
            case "global_average_pool":
                x = L.GlobalAveragePooling2D()(x)
            case "relu":
                x = L.ReLU()(x)
            case "add":
                x = L.Add()(inputs)
            case "flatten":
                x = L.Flatten()(x)
            case other:
                raise ValueError(f"{name}: {layer.name} is {other}")
        values[layer.name] = x
    return tf.keras.Model(values["input"], x), side


def export(models, name, batch):
    path = f"{models}/{name}.b{batch}"
    if os.path.exists(f"{path}.int8.tflite"):
        return
    model, side = build(models, name, batch)

    def converter():
        return tf.lite.TFLiteConverter.from_keras_model(model)

    def write(path, data):
        with open(path, "wb") as file:
            file.write(data)

    write(f"{path}.tflite", converter().convert())
    random = np.random.default_rng(1)
    pictures = [[random.standard_normal((batch, side, side, 3), dtype=np.float32)] for _ in range(4)]
    int8 = converter()
    int8.optimizations = [tf.lite.Optimize.DEFAULT]
    int8.representative_dataset = lambda: pictures
    int8.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    write(f"{path}.int8.tflite", int8.convert())


if __name__ == "__main__":
    for name in sys.argv[3:]:
        export(sys.argv[1], name, int(sys.argv[2]))
        print(f"{name}: TFLite, batch {sys.argv[2]}", file=sys.stderr, flush=True)
