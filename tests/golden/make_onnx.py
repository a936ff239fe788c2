#!/usr/bin/env python3
"""Writes onnx.jsonl: the Conv1d cases that the ONNX project publishes with its backend tests.

usage: make_onnx.py DIR
DIR is onnx/backend/test/data/pytorch-converted of a checkout of https://github.com/onnx/onnx.
Weights are initialisers of model.onnx, x and y are test_data_set_0/*.pb: all are protobuf messages,
of which the few fields needed are read here.
"""

import pathlib
import struct
import sys

import numpy as np

import golden_file


def varint(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data):
    """(field number, value) of a protobuf message: an integer or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        elif key & 7 == 5:
            value, at = struct.unpack_from("<f", data, at)[0], at + 4
        else:
            raise ValueError(f"wire type {key & 7}")
        yield key >> 3, value


def integers(values):
    """A repeated int64, packed or not."""
    out = []
    for value in values:
        if isinstance(value, int):
            out.append(value)
            continue
        at = 0
        while at < len(value):
            number, at = varint(value, at)
            out.append(number)
    return out


def tensor(data):
    """(name, array) of a TensorProto of float32 or float64."""
    parts = list(fields(data))
    dims = integers([v for n, v in parts if n == 1])
    name = next((v.decode() for n, v in parts if n == 8), "")
    kind = next(v for n, v in parts if n == 2)
    raw = b"".join(v for n, v in parts if n == 9)
    return name, np.frombuffer(raw, {1: "<f4", 11: "<f8"}[kind]).reshape(dims)


def conv_of(model):
    """Attributes, input names and initialisers of the one Conv node of a ModelProto."""
    graph = list(fields(next(v for n, v in fields(model) if n == 7)))
    weights = dict(tensor(v) for n, v in graph if n == 5)
    nodes = [list(fields(v)) for n, v in graph if n == 1]
    (node,) = [p for p in nodes if (4, b"Conv") in p]
    inputs = [v.decode() for n, v in node if n == 1]
    attributes = {}
    for number, value in node:
        if number == 5:
            parts = list(fields(value))
            key = next(v.decode() for n, v in parts if n == 1)
            attributes[key] = integers([v for n, v in parts if n in (3, 8)])
    return attributes, inputs, weights


def case_of(folder):
    attributes, inputs, weights = conv_of((folder / "model.onnx").read_bytes())
    data = folder / "test_data_set_0"
    _, x = tensor((data / "input_0.pb").read_bytes())
    _, y = tensor((data / "output_0.pb").read_bytes())
    weight = weights[inputs[1]]
    bias = weights[inputs[2]] if len(inputs) > 2 else None
    problem = {
        "batch": x.shape[0],
        "length": x.shape[2],
        "in_channels": x.shape[1],
        "out_channels": weight.shape[0],
        "kernel_size": weight.shape[2],
        "stride": attributes.get("strides", [1])[0],
        "padding": attributes.get("pads", [0, 0]),
        "dilation": attributes.get("dilations", [1])[0],
        "num_groups": attributes.get("group", [1])[0],
        "has_bias": bias is not None,
        "layout": "NCL",
    }
    case = {
        "name": folder.name,
        "source": f"onnx/onnx onnx/backend/test/data/pytorch-converted/{folder.name}",
        "computed_in": "float32",
        "problem": problem,
        "x": golden_file.numbers(x.ravel()),
        "weight": golden_file.numbers(weight.ravel()),
    }
    if bias is not None:
        case["bias"] = golden_file.numbers(bias.ravel())
    case["y"] = golden_file.numbers(y.ravel())
    return case


def main():
    folders = sorted(pathlib.Path(sys.argv[1]).glob("test_Conv1d*"))
    cases = [case_of(folder) for folder in folders]
    golden_file.write(pathlib.Path(__file__).parent / "onnx.jsonl", cases)
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
