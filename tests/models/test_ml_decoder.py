"""The ML-Decoder head: its arithmetic, the maps it looks at, and labels that no image was shown of."""

import math
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from models.base import MODELS, Classifier
from models.checks import check_outputs
from models.feature_map import look
from models.heads.base import HEADS, Head, Heads
from models.queries import read_vectors
from utils.errors import ConfigError, DataError
from utils.registry import Component

Array = NDArray[np.float64]
SMALL = {"width": 8, "attention_heads": 2, "feedforward": 12}
SIZE = (64, 48)
CHARACTERS = ("red square", "red cross", "blue square", "blue cross")


def decoder(*, features: int = 6, labels: int = 7, names: tuple[str, ...] = (), **options: object) -> Head:
    torch.manual_seed(0)
    component = Component.of("MLDecoder", **SMALL | options)
    return HEADS.build(component, features=features, labels=labels, label_names=names)


def tokens(count: int = 3, width: int = 6) -> Tensor:
    return torch.randn(count, 5, width, generator=torch.Generator().manual_seed(1))


def images(count: int = 2, size: tuple[int, int] = SIZE) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, *size), dtype=torch.uint8, generator=generator)


def vectors(folder: Path, text: str = "") -> Path:
    path = folder / "vectors.csv"
    lines = "red square,1,0,1,0\nred cross,1,0,0,1\nblue square,0,1,1,0\nblue cross,0,1,0,1\n"
    path.write_text(text or f"label,red,blue,square,cross\n{lines}", encoding="utf-8")
    return path


def norm(row: Array, weight: Array, bias: Array) -> Array:
    return (row - row.mean()) / np.sqrt(row.var() + 1e-5) * weight + bias


def by_hand(state: dict[str, Tensor], image: Array, queries: Array, attention_heads: int) -> list[float]:
    """The paper's figure 3 for one image in plain loops: embed, attend, feed forward, group by group."""
    w = {name: value.double().numpy() for name, value in state.items()}
    places = [np.maximum(w["embed.0.weight"] @ place + w["embed.0.bias"], 0) for place in image]
    width = queries.shape[1]
    each, found = width // attention_heads, []
    weights = np.split(w["attention.in_proj_weight"], 3)
    into = dict(zip("qkv", zip(weights, np.split(w["attention.in_proj_bias"], 3), strict=True), strict=True))
    for number, query in enumerate(queries):
        query = norm(query + query, w["norms.0.weight"], w["norms.0.bias"])
        q = into["q"][0] @ query + into["q"][1]
        heads = []
        for h in range(attention_heads):
            part = slice(h * each, (h + 1) * each)
            keys = [(into["k"][0] @ place + into["k"][1])[part] for place in places]
            values = [(into["v"][0] @ place + into["v"][1])[part] for place in places]
            weights = [math.exp(key @ q[part] / math.sqrt(each)) for key in keys]
            heads.append(sum(a * v for a, v in zip(weights, values, strict=True)) / sum(weights))
        change = w["attention.out_proj.weight"] @ np.concatenate(heads) + w["attention.out_proj.bias"]
        query = norm(query + change, w["norms.1.weight"], w["norms.1.bias"])
        hidden = np.maximum(w["feedforward.0.weight"] @ query + w["feedforward.0.bias"], 0)
        change = w["feedforward.3.weight"] @ hidden + w["feedforward.3.bias"]
        query = norm(query + change, w["norms.2.weight"], w["norms.2.bias"])
        rows = w["weight"][number if len(w["weight"]) > 1 else 0]
        found += [float(row @ query) for row in rows]
    return found


@pytest.mark.parametrize("queries", ["fixed", "learned"])
@pytest.mark.parametrize(("labels", "groups", "count", "each"), [(7, 3, 3, 3), (7, 100, 7, 1), (8, 4, 4, 2)])
def test_logits_are_those_of_the_paper_written_out_in_loops(
    queries: str, labels: int, groups: int, count: int, each: int
) -> None:
    head = decoder(labels=labels, groups=groups, queries=queries).eval()
    nn.init.normal_(head.bias)
    nn.init.normal_(head.attention.in_proj_bias)
    for layer in head.norms:
        nn.init.normal_(layer.weight)
        nn.init.normal_(layer.bias)
    state = head.state_dict()
    assert state["queries.vectors"].shape == (count, 8)
    assert state["weight"].shape == (count, each, 8)
    rows = state["queries.vectors"].double().numpy()
    expected = [by_hand(state, image.double().numpy(), rows, 2)[:labels] for image in tokens()]
    torch.testing.assert_close(
        head(tokens()), torch.tensor(expected).float() + head.bias, rtol=1e-4, atol=1e-5
    )


def test_logits_from_label_vectors_are_a_query_for_each_label_and_shared_weights(tmp_path: Path) -> None:
    head = decoder(labels=4, names=CHARACTERS, queries=vectors(tmp_path), groups=2).eval()
    state = head.state_dict()
    assert state["weight"].shape == (1, 1, 8)
    assert state["bias"].shape == (1,)
    rows = state["queries.vectors"] @ state["queries.project.weight"].T + state["queries.project.bias"]
    expected = [by_hand(state, image.double().numpy(), rows.double().numpy(), 2) for image in tokens()]
    torch.testing.assert_close(
        head(tokens()), torch.tensor(expected).float() + head.bias, rtol=1e-4, atol=1e-5
    )


def test_the_published_sizes_are_the_defaults() -> None:
    with torch.device("meta"):
        head = HEADS.build(Component("MLDecoder"), features=2048, labels=250)
    shapes = {name: tuple(value.shape) for name, value in head.state_dict().items()}
    assert shapes["embed.0.weight"] == (768, 2048)
    assert shapes["queries.vectors"] == (100, 768)
    assert shapes["weight"] == (100, 3, 768)
    assert shapes["feedforward.0.weight"] == (2048, 768)
    assert (head.attention.num_heads, head.attention.dropout, head.dropout.p) == (8, 0.1, 0.1)
    assert head(torch.zeros(2, 49, 2048, device="meta")).shape == (2, 250)


def test_fixed_queries_are_saved_but_not_trained_and_learned_ones_are() -> None:
    fixed, learned = decoder(queries="fixed"), decoder(queries="learned")
    assert "queries.vectors" in fixed.state_dict()
    assert "queries.vectors" not in dict(fixed.named_parameters())
    learned(tokens()).square().sum().backward()
    assert dict(learned.named_parameters())["queries.vectors"].grad.any()


def test_dropout_differs_from_image_to_image() -> None:
    head, alike = decoder(dropout=0.5).train(), tokens(1).expand(2, -1, -1)
    first, second = head(alike)
    assert not torch.allclose(first, second)
    first, second = head.eval()(alike)
    torch.testing.assert_close(first, second)


def test_bfloat16_gives_nearly_the_same_logits_and_finite_gradients() -> None:
    head = decoder().eval()
    with torch.autocast("cpu", torch.bfloat16):
        logits = head(tokens())
    torch.testing.assert_close(logits.float(), head(tokens()), rtol=0.1, atol=0.1)
    logits.float().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in head.parameters())


# What heads see.


def model(name: str, heads: Heads, size: tuple[int, int] = SIZE, **options: object) -> Classifier:
    torch.manual_seed(0)
    made = MODELS.build(Component.of(name, **options), heads=heads, image_size=size, fresh=True)
    assert isinstance(made, Classifier)
    return made


def mixed(**labels: int) -> Heads:
    """The first space has a decoder, the others a linear head."""
    first = next(iter(labels))
    return Heads(labels, {first: Component.of("MLDecoder", **SMALL)})


# Convolutions, one with a layer after its pooling, tokens with one class token and with two, NHWC.
BACKBONES = {
    "resnet10t": 2 * 2,
    "mobilenetv3_small_050": 2 * 2,
    "efficientnet_b0": 2 * 2,
    "convnext_atto": 2 * 1,  # it has no padding
    "vit_tiny_patch16_224": 4 * 3 + 1,
    "deit_tiny_distilled_patch16_224": 4 * 3 + 2,
    "swin_tiny_patch4_window7_224": 2 * 2,
    "swinv2_cr_tiny_224": 2 * 2,
}


@pytest.mark.parametrize("name", BACKBONES)
def test_features_beside_tokens_have_the_bits_of_features_alone(name: str) -> None:
    size = (64, 64) if name.startswith("swinv2") else SIZE
    options = {"img_size": size} if name.startswith(("vit", "deit", "swin")) else {}
    backbone = timm.create_model(name, num_classes=0, **options).eval()
    floats = images(2, size).float().contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        alone, both = look(backbone, floats, {True}), look(backbone, floats, {True, False})
    assert list(alone) == [True]
    assert torch.equal(alone[True], backbone(floats))
    assert torch.equal(both[True], alone[True])
    assert both[False].shape == (2, BACKBONES[name], backbone.num_features)


@pytest.mark.parametrize("name", ["resnet10t", "convnext_atto", "swin_tiny_patch4_window7_224"])
def test_tokens_are_the_places_row_by_row(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.device("meta"):
        backbone = timm.create_model(name, num_classes=0)
        shape = backbone.forward_features(torch.zeros(1, 3, 224, 224)).shape
    channels_last = name.startswith("swin")
    assert tuple(shape) == ((1, 7, 7, 768) if channels_last else (1, backbone.num_features, 7, 7))
    places = torch.arange(49).view(1, 7, 7, 1).expand(1, 7, 7, backbone.num_features)
    monkeypatch.setattr(
        backbone, "forward_features", lambda _: places if channels_last else places.permute(0, 3, 1, 2)
    )
    tokens = look(backbone, torch.zeros(1, 3, 224, 224), {False})[False][0]
    assert (tokens == torch.arange(49)[:, None]).all()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("TinyNet", {"width": 4}),
        ("SmallResNet", {"widths": (8, 16)[:2], "blocks": (1, 1)}),
        ("TimmModel", {"backbone": "mobilenetv3_small_050"}),
        ("SeparateBackbones", {"backbones": "tags+kind: mobilenetv3_small_050, age: resnet10t"}),
        ("SeparateBackbones", {"backbones": "tags: resnet10t, kind+age: resnet10t"}),
    ],
)
def test_a_decoder_beside_linear_heads_trains_with_one_pass_through_the_backbone(
    name: str, options: dict[str, object]
) -> None:
    made = model(name, mixed(tags=5, kind=2, age=3), **options)
    check_outputs(made, {"tags": 5, "kind": 2, "age": 3}, SIZE)
    first = next(m for m in made.modules() if isinstance(m, nn.Conv2d))
    passes: list[int] = []
    first.register_forward_hook(lambda *_: passes.append(1))
    logits = made(images())
    assert len(passes) == 1
    sum(value.square().sum() for value in logits.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in made.parameters())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("TinyNet", {"width": 4}),
        ("TimmModel", {"backbone": "mobilenetv3_small_050"}),
        ("SeparateBackbones", {"backbones": "tags+kind: mobilenetv3_small_050"}),
    ],
)
def test_a_decoder_leaves_the_logits_of_the_other_heads_as_they_are(
    name: str, options: dict[str, object]
) -> None:
    made = model(name, mixed(tags=5, kind=2), **options).eval()
    plain = model(name, Heads({"tags": 5, "kind": 2}), **options).eval()
    state = {key: value for key, value in made.state_dict().items() if not key.startswith("heads.tags.")}
    plain.load_state_dict(state, strict=False)
    with torch.no_grad():
        assert torch.equal(made(images())["kind"], plain(images())["kind"])


def test_a_decoder_sees_the_tokens_without_the_dropout_for_pooled_features() -> None:
    made = model("TinyNet", mixed(tags=5, kind=2), width=4, dropout=0.5)
    made.backbone.eval()
    made.heads.eval()
    with torch.no_grad():
        first, second = made(images()), made(images())
    assert torch.equal(first["tags"], second["tags"])
    assert not torch.equal(first["kind"], second["kind"])


def test_a_model_without_a_map_is_refused_with_those_that_have_one() -> None:
    component = Component("MLDecoder", {}, "head.tags", "config.ini line 9")
    heads = Heads({"tags": 5, "kind": 2}, {"tags": component})
    with (
        torch.device("meta"),
        pytest.raises(ConfigError, match=r"\[head\.tags\] MLDecoder needs a map.*TimmModel.*line 9"),
    ):
        model("FusedBackbones", heads, backbones="resnet10t, resnet10t")
    with pytest.raises(ConfigError, match="this model doesn't have"):
        Classifier(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), 3, heads)


def test_a_backbone_with_several_maps_is_refused() -> None:
    made = model("TimmModel", mixed(tags=5), size=(240, 240), backbone="crossvit_tiny_240")
    with pytest.raises(ValueError, match=r"no single map of features .*MLDecoder"):
        check_outputs(made, {"tags": 5}, (240, 240))


# Labels by their words.


def test_vectors_are_found_by_the_labels_names_in_the_order_of_the_labels(tmp_path: Path) -> None:
    assert read_vectors(vectors(tmp_path), CHARACTERS[2:0:-1]) == [[0, 1, 1, 0], [1, 0, 0, 1]]


def test_everything_wrong_with_a_file_of_vectors_is_listed_at_once(tmp_path: Path) -> None:
    path = vectors(tmp_path, "label,a,b\nred sqare,1,0\nblue cross,1,x\nblue cross,nan,1\n")
    with pytest.raises(DataError) as caught:
        decoder(labels=4, names=CHARACTERS, queries=path)
    message = str(caught.value)
    for words in (
        "vectors.csv has 6 problem(s)",
        "no line for the label 'red square'. Did you mean 'red sqare'?",
        "no line for the label 'red cross'",
        "no line for the label 'blue square'",
        "vectors.csv line 3: b: 'x' is not a number",
        "vectors.csv line 4: a: 'nan' is not a finite number",
        "vectors.csv line 4: label 'blue cross' stands further up too",
    ):
        assert words in message


def test_lines_with_too_few_or_too_many_values_are_listed(tmp_path: Path) -> None:
    path = vectors(tmp_path, "label,a,b\nred square,1\nred cross,1,2,3\n")
    with pytest.raises(
        DataError, match=r"(?s)line 2: 2 values for 3 columns.*line 3: 4 values for 3 columns"
    ):
        decoder(labels=2, names=CHARACTERS[:2], queries=path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width": 10, "attention_heads": 4}, "width = 10 is not a multiple of attention_heads = 4"),
        ({"queries": "learnt"}, "queries = learnt is neither fixed nor learned, and there is no such file"),
        ({"unseen": ("red cross",)}, "unseen = red cross: without images it takes queries = a file"),
        ({"queries": "FILE", "unseen": ("red cros",)}, "Unknown label 'red cros'. Did you mean 'red cross'"),
        ({"groups": 0}, "groups: 0 is not from 1"),
    ],
)
def test_wrong_options_are_refused(tmp_path: Path, options: dict[str, object], words: str) -> None:
    if options.get("queries") == "FILE":
        options = options | {"queries": vectors(tmp_path)}
    with pytest.raises(ConfigError, match=words):
        decoder(labels=4, names=CHARACTERS, **options)


@pytest.mark.parametrize("now", ["gone", "changed", "longer"])
def test_a_checkpoint_brings_its_vectors_whatever_became_of_the_file(tmp_path: Path, now: str) -> None:
    path = vectors(tmp_path)
    trained = decoder(labels=4, names=CHARACTERS, queries=path).eval()
    if now == "gone":
        path.unlink()
    elif now == "changed":
        vectors(tmp_path, path.read_text(encoding="utf-8").replace("1", "2"))
    else:
        vectors(tmp_path, "label,v\n" + "".join(f"{name},3\n" for name in CHARACTERS))
    component = Component.of("MLDecoder", **SMALL, queries=path)
    heads = Heads({"tags": 4}, {"tags": component}, names={"tags": CHARACTERS}, fresh=False)
    again = heads.build(6, 6)["tags"].eval()
    optimizer = torch.optim.SGD(again.parameters(), lr=1.0)
    again.load_state_dict(trained.state_dict())
    assert torch.equal(again(tokens()), trained(tokens()))
    again(tokens()).sum().backward()
    before = again.queries.project.weight.clone()
    optimizer.step()
    assert not torch.equal(again.queries.project.weight, before)  # it is the parameter that is trained
    if now == "gone":
        with pytest.raises(ConfigError, match="there is no such file"):
            Heads({"tags": 4}, {"tags": component}, names={"tags": CHARACTERS}).build(6, 6)


def test_unseen_labels_get_no_probability_and_no_gradient_in_training(tmp_path: Path) -> None:
    options = {"labels": 4, "names": CHARACTERS, "queries": vectors(tmp_path), "dropout": 0}
    head, plain = decoder(**options, unseen=("red cross", "blue cross")).train(), decoder(**options).train()
    logits, expected = head(tokens()), plain(tokens())
    torch.testing.assert_close(logits[:, [0, 2]], expected[:, [0, 2]])
    assert logits.softmax(dim=1)[:, [1, 3]].max() < 1e-30
    assert F.binary_cross_entropy_with_logits(logits[:, [1, 3]], torch.zeros(3, 2)) < 1e-30
    assert not any(grad.any() for grad in torch.autograd.grad(logits[:, [1, 3]].sum(), head.parameters()))
    torch.testing.assert_close(head.eval()(tokens()), plain.eval()(tokens()))
    assert head.state_dict().keys() == plain.state_dict().keys()


SIDE = 32
COLOURS = torch.tensor(
    [[220, 40, 40], [40, 200, 60], [60, 80, 230], [210, 200, 50], [200, 60, 200], [70, 200, 210]]
)
SHAPES = 4
PAIRS = torch.cartesian_prod(torch.arange(len(COLOURS)), torch.arange(SHAPES))  # (K, 2): colour, shape
UNSEEN = torch.arange(len(COLOURS)) * SHAPES + torch.arange(len(COLOURS)) % SHAPES  # one of each colour
SEEN = torch.tensor([label for label in range(len(PAIRS)) if label not in UNSEEN])
NAMES = tuple(f"colour {colour} shape {shape}" for colour, shape in PAIRS.tolist())


def draw(labels: Tensor, chance: torch.Generator) -> Tensor:
    """Return noisy images (N, 3, H, W) of a square, a bar, a pillar or a slope, in the label's colour."""
    count, places = len(labels), torch.arange(SIDE)
    middle = torch.randint(10, 22, (count, 2, 1, 1), generator=chance)
    reach = torch.randint(6, 9, (count, 1, 1), generator=chance)
    down, right = places[:, None] - middle[:, 0], places - middle[:, 1]
    near = (down.abs() <= reach) & (right.abs() <= reach)
    kinds = [near, near & (down.abs() <= 2), near & (right.abs() <= 2), near & ((down - right).abs() <= 2)]
    colour, shape = PAIRS[labels].T
    inside = torch.stack(kinds)[shape, torch.arange(count)]
    clean = torch.where(inside[:, None], COLOURS[colour][:, :, None, None], 30)
    noise = torch.randint(-25, 25, clean.shape, generator=chance)
    return (clean + noise).clamp(0, 255).to(torch.uint8)


def accuracies(path: Path, seed: int, unseen: tuple[str, ...]) -> tuple[float, float, float]:
    """Train on SEEN; return accuracies: seen of all, unseen among the unseen, unseen among all labels."""
    chance = torch.Generator().manual_seed(seed)
    options = {"width": 64, "attention_heads": 8, "feedforward": 64, "queries": path, "unseen": unseen}
    component = Component.of("MLDecoder", **options)
    heads = Heads({"label": len(NAMES)}, default=component, names={"label": NAMES})
    made = model("TinyNet", heads, (SIDE, SIDE), width=16)
    optimizer = torch.optim.AdamW(made.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 200)
    for _ in range(200):
        labels = SEEN[torch.randint(len(SEEN), (48,), generator=chance)]
        optimizer.zero_grad()
        F.cross_entropy(made(draw(labels, chance))["label"], labels).backward()
        optimizer.step()
        schedule.step()
    made.eval()
    known, new = SEEN.repeat(10), UNSEEN.repeat(30)
    with torch.no_grad():
        of_known, of_new = made(draw(known, chance))["label"], made(draw(new, chance))["label"]
    hits = (of_known.argmax(1) == known, UNSEEN[of_new[:, UNSEEN].argmax(1)] == new, of_new.argmax(1) == new)
    of_known, among_new, among_all = (float(hit.float().mean()) for hit in hits)
    return of_known, among_new, among_all


@pytest.mark.slow
def test_combinations_that_no_training_image_showed_are_predicted_from_their_vectors(tmp_path: Path) -> None:
    codes = torch.cat([F.one_hot(part) for part in PAIRS.T], dim=1).tolist()
    header = ["label", *(f"value {i}" for i in range(len(codes[0])))]
    rows = [header, *([name, *map(str, code)] for name, code in zip(NAMES, codes, strict=True))]
    path = vectors(tmp_path, "\n".join(map(",".join, rows)))
    new = tuple(NAMES[label] for label in UNSEEN)
    known, among_new, among_all = np.mean([accuracies(path, seed, new) for seed in (5, 6)], axis=0)
    _, _, as_wrong = accuracies(path, 5, ())
    print(f"seen {known:.2f}, unseen {among_new:.2f}, of all {among_all:.2f}, not named {as_wrong:.2f}")
    assert known > 0.85
    assert among_new > 2.4 / len(UNSEEN)  # chance is 1 / 6
    assert among_all > 2.4 / len(NAMES)  # chance is 1 / 24
    assert as_wrong < among_all / 2  # where training says that they are always wrong
