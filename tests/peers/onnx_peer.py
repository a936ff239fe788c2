"""A problem as ONNX Runtime computes it: a model of one Conv, made here, with its weights packed when
the session is made, on arrays that stay where they are."""


import torch

try:
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper
except ImportError:
    onnxruntime = None

TYPES = {"float32": "FLOAT", "float16": "FLOAT16"}
OPSET = 20  # the first with Gelu


class Unsupported(Exception):
    """Why ONNX Runtime does not compute this problem."""


def activation_nodes(name, before, after):
    """The nodes that lead from `before` to `after`."""
    if name == "silu":
        return [helper.make_node("Sigmoid", [before], ["gate"]),
                helper.make_node("Mul", [before, "gate"], [after])]
    if name.startswith("gelu"):
        approximate = "tanh" if name == "gelu_tanh" else "none"
        return [helper.make_node("Gelu", [before], [after], approximate=approximate)]
    operator = {"none": "Identity", "relu": "Relu", "tanh": "Tanh"}[name]
    return [helper.make_node(operator, [before], [after])]


def model_of(problem):
    f = problem.fields
    kind = getattr(TensorProto, TYPES[f["dtype"]])
    constants = {"weight": problem.weight} | ({} if problem.bias is None else {"bias": problem.bias})
    transposed = f["layout"] == "NLC"
    turn = lambda a, b: [helper.make_node("Transpose", [a], [b], perm=[0, 2, 1])]
    nodes = turn("x", "ncl") if transposed else []
    nodes.append(helper.make_node(
        "Conv", ["ncl" if transposed else "x", *constants], ["sums"], group=f["num_groups"],
        kernel_shape=[f["kernel_size"]], pads=f["padding"], strides=[f["stride"]],
        dilations=[f["dilation"]]))
    nodes += activation_nodes(f["activation"], "sums", "activated" if transposed else "y")
    nodes += turn("activated", "y") if transposed else []
    graph = helper.make_graph(
        nodes, "conv1d",
        [helper.make_tensor_value_info("x", kind, list(problem.x.shape))],
        [helper.make_tensor_value_info("y", kind, None)],
        [onnx.numpy_helper.from_array(tensor.numpy(), name) for name, tensor in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)


def function_of(problem, threads):
    """A function of x (a torch tensor, whose memory it reads) that runs the session."""
    if onnxruntime is None:
        raise Unsupported("ONNX Runtime is not installed")
    if problem.fields["dtype"] not in TYPES:
        raise Unsupported(f"ONNX Runtime's CPU has no Conv in {problem.fields['dtype']}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model_of(problem).SerializeToString(), options,
                                               providers=["CPUExecutionProvider"])
        x = problem.x.numpy()
        y = onnxruntime.OrtValue.ortvalue_from_numpy(session.run(None, {"x": x})[0])
    except Exception as error:  # its own exceptions have no common base but this
        raise Unsupported(str(error)) from error
    binding = session.io_binding()
    binding.bind_cpu_input("x", x)
    binding.bind_ortvalue_output("y", y)

    def run(_):
        session.run_with_iobinding(binding)
        return torch.from_numpy(y.numpy())

    return run
