"""worker.py ENGINE PRECISION MODELS NAME BATCH THREADS: one worker of ONNX Runtime, OpenVINO or LiteRT.

Loads one model, prints one JSON line, then answers each number n on standard input with one JSON line: the times of
n runs in milliseconds, and the peak memory of the process in MB (10⁶ bytes)."""
import json
import os
import sys
import time

engine, precision, models, name, batch, threads = sys.argv[1:]
batch, threads = int(batch), int(threads)
os.environ["OMP_NUM_THREADS"] = str(threads)
import numpy as np

with open(f"{models}/{name}.json") as file:
    side = json.load(file)["input"]["height"]
nchw = np.random.default_rng(1).standard_normal((batch, 3, side, side), dtype=np.float32)
nhwc = np.ascontiguousarray(nchw.transpose(0, 2, 3, 1))
int8 = precision == "int8"


def onnxruntime():
    import onnxruntime as ort

    def load():
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_free_dimension_override_by_name("batch", batch)
        path = f"{models}/{name}{'.qdq' if int8 else ''}.onnx"
        session = ort.InferenceSession(path, options, ["CPUExecutionProvider"])
        return lambda: session.run(None, {"input": nchw})

    return load


def openvino():
    import openvino as ov

    def load():
        core = ov.Core()
        model = core.read_model(f"{models}/{name}.ov{'8' if int8 else ''}.xml")
        model.reshape([batch, 3, side, side])
        # f32 to f32: on some machines the default would be bf16.
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        request = core.compile_model(model, "CPU", hints).create_infer_request()
        return lambda: request.infer([nchw], share_inputs=True)

    return load


def litert():
    from ai_edge_litert.interpreter import Interpreter

    def load():
        path = f"{models}/{name}.b{batch}{'.int8' if int8 else ''}.tflite"
        interpreter = Interpreter(path, num_threads=threads)
        interpreter.allocate_tensors()
        source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

        def run():
            interpreter.set_tensor(source, nhwc)
            interpreter.invoke()
            return interpreter.get_tensor(target)

        return run

    return load


def peak_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024 / 1e6


def milliseconds(start):
    return (time.perf_counter() - start) * 1e3


load = {"onnxruntime": onnxruntime, "openvino": openvino, "litert": litert}[engine]()
start = time.perf_counter()
run = load()
load_ms = milliseconds(start)
run()
print(json.dumps({"load_ms": load_ms, "first_ms": milliseconds(start)}), flush=True)
for line in sys.stdin:
    times = []
    for _ in range(int(line)):
        start = time.perf_counter()
        run()
        times.append(milliseconds(start))
    print(json.dumps({"ms": times, "peak_mb": peak_mb()}), flush=True)
