import json
import torch
import convtune.torch

model = torch.nn.Sequential(torch.nn.Conv1d(2, 4, 3, padding="same"), torch.nn.GELU()).eval()
x = torch.randn(1, 2, 100)
expected = model(x)
with open("layers.json", "w") as file:  # for: convtune tune --layers layers.json
    json.dump(convtune.torch.record(model, x), file)
convtune.torch.replace(model)  # each Conv1d by convtune, its parameters as they were
assert torch.allclose(model(x), expected, atol=1e-5)
