"""A model's parameters by depth: what a learning rate for each layer and partial freezing go by."""

from collections.abc import Iterator, Sequence

from torch import nn

Layer = list[nn.Parameter]
_WITH_THE_LAYER_BEFORE = (99999,)  # timm's mark for a norm after the last block


def layers(model: nn.Module) -> list[Layer]:
    """Return every parameter once, layer by layer from the images on; the last layer is all heads."""
    stack = _of_backbone(model.get_submodule("backbone"))
    known = {id(parameter) for layer in stack for parameter in layer}
    return [*stack, [parameter for parameter in model.parameters() if id(parameter) not in known]]


def _of_backbone(backbone: nn.Module) -> list[Layer]:
    """Return the layers of a backbone, of several timm backbones in one module, or of any other module."""
    if _is_timm(backbone):
        return _of_timm(backbone)
    inside = _timm_models(backbone)
    if not inside:
        return _of_children(backbone)
    stack = _side_by_side([_of_timm(part) for part in inside])
    known = {id(parameter) for layer in stack for parameter in layer}
    rest = [parameter for parameter in backbone.parameters() if id(parameter) not in known]
    return [*stack, rest] if rest else stack  # what joins the backbones comes after them


def _is_timm(module: nn.Module) -> bool:
    return hasattr(module, "pretrained_cfg")


def _timm_models(module: nn.Module) -> list[nn.Module]:
    """Return the timm models in ``module``, in order."""
    if _is_timm(module):
        return [module]
    return [part for child in module.children() for part in _timm_models(child)]


def _of_timm(backbone: nn.Module) -> list[Layer]:
    """Return the layers as timm counts them; what has no number there belongs to the last block."""
    if not hasattr(backbone, "group_matcher"):
        return _of_children(backbone)
    from timm.models import group_parameters  # late, see models/backbone.py

    matcher = backbone.group_matcher(coarse=False)  # type: ignore[operator]
    if isinstance(matcher, dict):
        matcher = {**matcher, "rest": [(r".", _WITH_THE_LAYER_BEFORE)]}
    names: dict[str, int] = group_parameters(backbone, matcher, reverse=True)
    stack: list[Layer] = [[] for _ in range(max(names.values()) + 1)]
    for name, parameter in backbone.named_parameters():
        stack[names[name]].append(parameter)
    return stack


def _side_by_side(backbones: Sequence[list[Layer]]) -> list[Layer]:
    """Return as many layers as the deepest backbone has; others' lie at the same share of their depth."""
    merged: list[Layer] = [[] for _ in range(max(map(len, backbones)))]
    for stack in backbones:
        for number, layer in enumerate(stack, start=1):
            merged[-(-number * len(merged) // len(stack)) - 1] += layer
    return [layer for layer in merged if layer]


def _of_children(backbone: nn.Module) -> list[Layer]:
    """Return a layer for each part with weights; norms and the like belong to the layer before."""
    seen: set[int] = set()
    stack: list[Layer] = []
    for part in (nn.ParameterList(backbone.parameters(recurse=False)), *_parts(backbone)):
        layer = [parameter for parameter in part.parameters() if id(parameter) not in seen]
        seen |= {id(parameter) for parameter in layer}
        if stack and all(parameter.ndim <= 1 for parameter in layer):
            stack[-1] += layer
        elif layer:
            stack.append(layer)
    return stack


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    """Yield a module's children, in place of a sequence what is in it."""
    for child in module.children():
        if isinstance(child, nn.Sequential | nn.ModuleList):
            yield from _parts(child)
        else:
            yield child
