"""Several processes that train one model, each on its rows."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Literal

import torch
from accelerate import PartialState
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from cyberhost_cli.errors import UsageError
from cyberhost_cli.models.attention import FeedForward
from cyberhost_cli.models.identity import CropEncoder
from cyberhost_cli.models.motion import MotionModule
from cyberhost_cli.models.resnet import ResnetBlock

PATIENCE = timedelta(hours=3)
"""How long the others wait while the first process prepares latents or renders clips."""

SHARDED_BY_THEMSELVES: tuple[type[nn.Module], ...] = (ResnetBlock, FeedForward, MotionModule, CropEncoder)
"""Blocks that are entered by `forward` alone, so that their weights can be fetched where they are needed."""


HARMLESS = ("Grad strides do not match bucket view strides", "FSDP2-wrapped module .* returned a view tensor")
"""Warnings of layers of one pixel, and of views that nothing is written into."""


class Processes:
    """All processes of a training, seen from one of them; `accelerate launch` and `torchrun` start them."""

    def __init__(self, device: torch.device) -> None:
        self._state = PartialState(cpu=device.type == "cpu", timeout=PATIENCE)
        self.device: torch.device = self._state.device
        self.count: int = self._state.num_processes
        self.number: int = self._state.process_index

    @property
    def first(self) -> bool:
        """Whether this is the one process that writes and tells."""
        return self.number == 0

    @property
    def hardware(self) -> str:
        """What the training runs on, in words."""
        if self.device.type == "cuda":
            return f"{self.count}x {torch.cuda.get_device_name(self.device)}"
        threads = self.count * torch.get_num_threads()
        return f"cpu, {threads} thread{'s' if threads > 1 else ''}"

    def first_first(self) -> AbstractContextManager[None]:
        """Let the others wait while the first process runs the block, then run it too."""
        return self._state.main_process_first()

    def wait(self) -> None:
        """Wait for all."""
        self._state.wait_for_everyone()

    def leave(self) -> None:
        """Take leave of the others, at the end."""
        if self.count > 1:
            self._state.destroy_process_group()

    def rows(self, batch: int, passes: int) -> tuple[range, ...]:
        """Return which rows of a batch this process computes, in each of its passes.

        Raises:
            UsageError: the batch cannot be divided.
        """
        rows, rest = divmod(batch, self.count * passes)
        if rest:
            raise UsageError(
                f"a batch of {batch} rows cannot be divided over {self.count} processes of {passes} passes each",
                f"let `training.batch` be a multiple of {self.count * passes}",
            )
        starts = [(self.number * passes + each) * rows for each in range(passes)]
        return tuple(range(start, start + rows) for start in starts)

    def share(self, module: nn.Module, parallel: Literal["ddp", "fsdp"]) -> nn.Module:
        """Return `module` so that its gradients are the mean over all processes; with FSDP its weights are shards."""
        if self.count == 1:
            return module
        for harmless in HARMLESS:
            warnings.filterwarnings("ignore", message=harmless)
        if parallel == "ddp":
            # What a step leaves out, as a reference that it drops, has no gradient.
            return DistributedDataParallel(module, find_unused_parameters=True)
        mesh = init_device_mesh(self.device.type, (self.count,))
        for each in reversed(list(module.modules())):
            if isinstance(each, SHARDED_BY_THEMSELVES):
                fully_shard(each, mesh=mesh)
        fully_shard(module, mesh=mesh)
        return module

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of each value over all processes."""
        if self.count > 1:
            distributed.all_reduce(values)
            values /= self.count
        return values


def unsynchronised(module: nn.Module) -> AbstractContextManager[None]:
    """Keep gradients to this process for a while; shards are too large for that, and are summed up at once."""
    return module.no_sync() if isinstance(module, DistributedDataParallel) else nullcontext()


@contextmanager
def assembled(module: nn.Module) -> Iterator[None]:
    """Let each process have whole weights for a while, where they are shards."""
    shards = [each for each in module.modules() if isinstance(each, FSDPModule)]
    for each in shards:
        each.reshard()
        each.unshard()
        each.set_reshard_after_forward(False, recurse=False)
    try:
        yield
    finally:
        for each in shards:
            each.reshard()
            each.set_reshard_after_forward(each is not module, recurse=False)


def whole(state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Yield tensors put together from their shards, one at a time; all processes have to ask for each."""
    for name, tensor in state.items():
        yield name, put_together(tensor)


def put_together(tensor: Tensor) -> Tensor:
    """Return a whole tensor where each process has a shard; all have to ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def fill(target: Tensor, values: Tensor) -> None:
    """Write whole values into a tensor, or each process its shard of them."""
    if isinstance(target, DTensor):
        shard = distribute_tensor(values.to(target.device), target.device_mesh, target.placements, src_data_rank=None)
        target.to_local().copy_(shard.to_local())
    else:
        target.copy_(values)


def local(tensor: Tensor) -> Tensor:
    """Return what of a tensor lies in this process."""
    own: Tensor = tensor.detach()
    return own.to_local() if isinstance(own, DTensor) else own
