"""convtune's own measuring process, asked as its tuner asks it: one line of JSON each way
(tuner/protocol.hpp)."""

import json
import subprocess


class Worker:
    """`convtune worker` on the CPU. It takes samples only of what was right just before."""

    def __init__(self, convtune, environment):
        self.process = subprocess.Popen([convtune, "worker", "--device", "cpu"], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=environment)

    def one_round(self, problem, configs):
        """A measurement of one sample for each config, in their order."""
        request = {"problem": problem, "configs": configs, "seed": 1, "rounds": 1,
                   "give_up_seconds": 0.0}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"convtune's worker ended on {configs} of {json.dumps(problem)}")
        return json.loads(line)["measurements"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
