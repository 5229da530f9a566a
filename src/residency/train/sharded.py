"""Frozen weights in parts, one a process: a layer is whole only while it is computed, so that a model fits which no one
device holds (Zhao et al. 2023, "PyTorch FSDP").

What learns is an adapter, small beside them: it stays whole in every process, and so do its optimizer, its checkpoints
and the loop around them. Embeddings, norms and the head stay whole as well. All processes have to go through the model
equally often, since each brings its part.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from transformers import PreTrainedModel

from residency.core.errors import UserError
from residency.models.device import device
from residency.models.lanes import one_lane
from residency.train.processes import accelerator


def shard(model: Any) -> None:
    """Leave in this process its part of the frozen matrices of each layer, on this process's device.

    From here on this process computes one row after the other: in threads two processes would ask for other layers at
    the same time. Raises UserError where the network does not name its layers.
    """
    processes = accelerator().num_processes
    net: PreTrainedModel = model.get_base_model() if hasattr(model, "get_base_model") else model
    body = net.base_model
    mesh = init_device_mesh(device().type, (processes,))
    kinds = set(net._no_split_modules or ())
    layers = [module for module in body.modules() if type(module).__name__ in kinds]
    if not layers:
        raise UserError("shard: this network does not say what its layers are (_no_split_modules); leave shard out")
    for layer in layers:
        whole = {weight for weight in layer.parameters() if weight.requires_grad or weight.dim() < 2}
        fully_shard(layer, mesh=mesh, reshard_after_forward=True, ignored_params=whole)
    fully_shard(body, mesh=mesh, ignored_params=set(model.parameters()))  # which lets a layer be fetched ahead
    for layer in layers:  # what is first made while a model only reads could not be learned through later
        layer.unshard()
        layer.reshard()
    model.to(device())
    one_lane()


def is_sharded(model: torch.nn.Module) -> bool:
    """Return whether a model's frozen weights lie in parts in several processes."""
    return any(isinstance(module, FSDPModule) for module in model.modules())
