"""The networks that the peers run: the float twins of the zoo, as `cargo xtask bench --peers` writes them.

MODELS/NAME.json holds a network in the JSON form of `syq_pack::Network`. Its layers become those of another
format here, with seeded random weights. Batch norm is folded into the layer before it, as every engine does."""
import json
from dataclasses import dataclass


@dataclass
class Layer:
    """One layer; `bias` says whether it has one, its own or a batch norm's."""
    name: str
    inputs: list
    op: dict
    bias: bool


def read(models, name):
    """The side of the input, and the layers with each batch norm taken into the layer that it follows."""
    with open(f"{models}/{name}.json") as file:
        network = json.load(file)
    layers, renamed = {}, {}
    for op in network["layers"]:
        inputs = [renamed.get(name, name) for name in op["inputs"]]
        if op["op"] == "batch_norm":
            before = layers[inputs[0]]
            if before.op["op"] not in ("conv", "linear"):
                raise ValueError(f"{name}: {op['name']} follows {before.op['op']}")
            before.bias = True
            renamed[op["name"]] = before.name
        else:
            layers[op["name"]] = Layer(op["name"], inputs, op, op.get("bias") == "per_filter")
    return network["input"]["height"], list(layers.values())


def padding(op):
    """Top, left, bottom, right."""
    return [op["padding"][side] for side in ("top", "left", "bottom", "right")]
