import convtune
import numpy

conv = convtune.Conv1D(3, 2, 4, "float32", padding=1)
conv.load_state_dict({"weight": numpy.full((3, 2, 4), 0.5, "float32")})  # (K, Cin/G, Cout)
y = conv(numpy.ones((1, 100, 2), "float32"))  # (N, L, Cin) -> (N, L', Cout)
print(y[0, :3, 0], "by", conv.plan(1, 100))
