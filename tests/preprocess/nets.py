"""Small ONNX models with the inputs and outputs of the real ones, whose answers can be worked out by hand."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """Nodes and constants in the order in which they are added."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def add(self, kind, *inputs, **attributes):
        names = [name if isinstance(name, str) else self._constant(name) for name in inputs]
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [name], **attributes))
        return name

    def _constant(self, values):
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def save(self, path, sides, outputs):
        names = [name for name, _ in outputs]
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, *sides])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
            self.constants,
        )
        assert len(set(names)) == len(names)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(model, path)


def yolox(path, stride, sides, growth=0.0, kind=0):
    """See people (class 0) or others, `sides` large, where there is less red than 50; more green makes them larger."""
    graph, levels = Graph(), []
    for level in (8, 16, 32):
        weights, bias = np.zeros((85, 3, 1, 1), np.float32), np.zeros(85, np.float32)
        bias[:2] = 0.5  # in the middle of the cell
        bias[2:4] = np.log(np.array(sides) / level)
        weights[2:4, 1] = growth / 50
        bias[2:4] -= growth
        bias[5 + kind] = 1
        if level == stride:
            weights[4, 2], bias[4] = -1 / 50, 1  # the input is BGR
        cells = graph.add("AveragePool", "input", kernel_shape=[level, level], strides=[level, level])
        rows = graph.add("Reshape", graph.add("Conv", cells, weights, bias), np.array([1, 85, -1]))
        levels.append(graph.add("Transpose", rows, perm=[0, 2, 1]))
    rows = graph.add("Concat", *levels, axis=1)
    graph.save(path, (640, 640), [(rows, [1, 8400, 85])])


def simcc(path, sure_across, sure_down):
    """Put point k in the middle of what is bright in colour k % 3 (RGB), as sure as told for each point."""
    graph, outputs = Graph(), []
    bright = graph.add("Relu", "input")  # the input is normalised: more than the mean
    colour = np.arange(133) % 3
    for length, other, bins, sure in ((288, 2, 576, sure_across), (384, 3, 768, sure_down)):
        profile = graph.add("ReduceSum", bright, np.array([other]), keepdims=0)
        places = np.arange(length, dtype=np.float32)
        total = graph.add("ReduceSum", profile, np.array([2]))
        moment = graph.add("ReduceSum", graph.add("Mul", profile, places), np.array([2]))
        middle = graph.add("Div", moment, graph.add("Add", total, np.float32(1e-6)))
        offsets = graph.add("Sub", np.arange(bins, dtype=np.float32) / 2, middle)
        bell = graph.add("Exp", graph.add("Mul", graph.add("Mul", offsets, offsets), np.float32(-1 / 72)))
        rows = graph.add("Mul", graph.add("Gather", bell, colour, axis=1), sure.astype(np.float32)[:, None])
        outputs.append((rows, [1, 133, bins]))
    graph.save(path, (384, 288), outputs)


def scrfd(path, stride, distances, offsets):
    """Faces at the anchors of cells that are red on average; box and points lie so many cells from the anchor."""
    graph, heads = Graph(), {1: [], 4: [], 10: []}
    for level in (8, 16, 32):
        cells = graph.add("AveragePool", "input", kernel_shape=[level, level], strides=[level, level])
        for length, bias in ((1, [0]), (4, distances), (10, np.ravel(offsets))):
            weights = np.zeros((2 * length, 3, 1, 1), np.float32)  # two anchors at each cell, the second never sure
            if length == 1 and level == stride:
                weights[0, 0], weights[0, 2] = 128 / 255, -128 / 255
            found = graph.add("Conv", cells, weights, np.tile(np.float32(bias), 2))
            rows = graph.add("Transpose", found, perm=[0, 2, 3, 1])
            heads[length].append((graph.add("Reshape", rows, np.array([-1, length])), [None, length]))
    graph.save(path, ("height", "width"), heads[1] + heads[4] + heads[10])


def arcface(path):
    """Say what was seen, as one long vector."""
    graph = Graph()
    graph.save(path, (112, 112), [(graph.add("Flatten", "input"), [1, 3 * 112 * 112])])
