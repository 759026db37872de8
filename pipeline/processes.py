"""Several processes that share every update of one training, one GPU each: data parallelism.

`accelerate launch` or torchrun starts them and tells each its number. Each takes some of the
batches of an update, gradients are summed over all, and every process makes the same step: N
processes are one process that accumulates as many batches. The first alone writes files.
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


class WrongProcesses(ValueError):
    """A training that shares its updates was started in another number of processes."""


@dataclass(frozen=True)
class Processes:
    """This one among all of a training."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether it is the one that writes."""
        return self.rank == 0

    def share(self, n: int) -> range:
        """Which of the batches 0..n-1 of an update are its own."""
        return range(self.rank, n, self.count)

    def sum(self, tensors: "Iterable[Tensor | None]") -> None:
        """Each tensor becomes its sum over all processes, in place."""
        if self.count == 1:
            return
        from accelerate.utils import reduce

        for tensor in tensors:
            if tensor is not None:
                tensor.copy_(reduce(tensor, "sum"))

    def agreed(self, value: Any) -> Any:
        """What the first process says, in all of them; plain data."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        said = [value]
        broadcast_object_list(said)
        return said[0]


def processes_here(wanted: int) -> Processes:
    """This process among those that share the updates; takes its GPU. Raises WrongProcesses."""
    if wanted == 1:
        return Processes()
    if (count := int(os.environ.get("WORLD_SIZE", "1"))) != wanted:
        raise WrongProcesses(
            f"wanted {wanted} processes, which share every update, got {count}: start the training "
            f"with `accelerate launch --num_processes {wanted}`, or set processes: 1"
        )
    import torch
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())
    return Processes(state.process_index, state.num_processes)


def writes() -> bool:
    """Whether this process is alone, or the first of those that were launched together."""
    return os.environ.get("RANK", "0") == "0"


def launch(module: str, *words: str, processes: int) -> None:
    """Runs `python -m module words` in so many processes here. Raises CalledProcessError.

    By torchrun, of which `accelerate launch` is the front; the front refuses several on a CPU.
    """
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    command = [sys.executable, *start, "-m", module, *words]
    subprocess.run(command, check=True)  # noqa: S603 - our own words
