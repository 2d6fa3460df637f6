"""What the parts cannot do is refused, with the numbers or the reason."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from comparing import TINY, tiny, tokens
from laboratory import DENSE, LENGTH, RANDOM, synthesizer
from playmask.errors import ConfigError, InputError
from playmask.model.architecture import Decoder
from playmask.model.masks import Ordered, SameText, Window
from playmask.model.parts import (
    Alibi,
    Buckets,
    ContextAttention,
    DenseSynthesizer,
    Dot,
    DynamicConvolution,
    FactorizedDense,
    FactorizedRandom,
    Learned,
    LightConvolution,
    Linformer,
    MeshDense,
    Nezha,
    PseudoSelf,
    RandomSynthesizer,
    Rotary,
    Synthesizer,
    TalkingHeads,
    TokenMixing,
    mix,
)
from playmask.model.transformer import Transformer
from playmask.runtime.lazy_weights import blank

LINFORMER, MIXING = Linformer(5, length=LENGTH), TokenMixing(7, length=LENGTH)
WHOLE = pytest.mark.parametrize("part", [LINFORMER, MIXING])


def refused(message: str, make: Callable[[], Any], kind: type = ConfigError) -> None:
    """It is refused in one sentence, which Keras may have put a frame around."""
    with pytest.raises(kind, match=message):
        make()


def built(**changes: Any) -> Transformer:
    """A model whose weights have no values: all this is refused before they are read."""
    return blank(lambda: Transformer(TINY.change(**changes)))


# The length of a text


TOO_LONG = {
    "random": {"attention": RANDOM},
    "fixed": {"attention": synthesizer("fixed")},
    "factorized_random": {"attention": synthesizer("factorized_random")},
    "dense": {"attention": DENSE},
    "factorized_dense": {"attention": FactorizedDense(length=LENGTH, rows=7)},  # 7 · 3 = 21 ≥ 20
    "mesh_dense": {"attention": synthesizer("mesh_dense")},
    "mixture": {"attention": mix(Dot(), RANDOM)},
    "mixture in a mixture": {"attention": mix(mix(Synthesizer("random"), RANDOM), Dot())},
    "one block": {"attention": {1: RANDOM}},
    "linformer": {"attention": LINFORMER},
    "token_mixing": {"attention": MIXING},
}


@pytest.mark.parametrize("name", TOO_LONG)
def test_texts_longer_than_a_part_knows(name):
    model = built(position="none", **TOO_LONG[name])
    assert model.architecture.limit == LENGTH
    message = f"A text of 21 tokens was given to a model of {LENGTH} positions"
    refused(message, lambda: model({"tokens": tokens(1, LENGTH + 1)}), InputError)


def test_a_text_as_long_as_a_part_knows_is_fine():
    tiny(position="none", attention=RANDOM)({"tokens": tokens(1, LENGTH)})


def test_the_shortest_part_decides():
    longer = built(position=Learned(40), attention=RANDOM)
    refused(
        "20 positions .RandomSynthesizer", lambda: longer({"tokens": tokens(1, 30)}), InputError
    )
    shorter = built(position=Learned(8), attention=RANDOM)
    refused("8 positions .Learned", lambda: shorter({"tokens": tokens(1, 9)}), InputError)


# Sizes


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomSynthesizer(-1), "length of RandomSynthesizer .* from 1, not -1"),
        (lambda: RandomSynthesizer(None), "length .* not None"),
        (lambda: Synthesizer("fixed", length=0), "length of RandomSynthesizer .* not 0"),
        (lambda: FactorizedRandom(rank=0), "rank of FactorizedRandom .* from 1, not 0"),
        (lambda: FactorizedRandom(length=0), "length of FactorizedRandom .* not 0"),
        (lambda: DenseSynthesizer(length=2.5), "length of DenseSynthesizer .* not 2.5"),
        (lambda: DenseSynthesizer(hidden=-1), "hidden of DenseSynthesizer .* from 1, not -1"),
        (lambda: FactorizedDense(length=0), "length of FactorizedDense .* not 0"),
        (lambda: FactorizedDense(rows=-2), "rows of FactorizedDense .* not -2"),
        (lambda: FactorizedDense(rows=0), "rows of FactorizedDense .* not 0"),
        (lambda: MeshDense(0), "length of MeshDense .* not 0"),
        (lambda: Linformer(0), "size of Linformer .* not 0"),
        (lambda: Linformer("5"), "size of Linformer .* not '5'"),
        (lambda: TokenMixing(3, length=0), "length of TokenMixing .* not 0"),
        (lambda: LightConvolution(-1, 2), "before of LightConvolution .* from 0, not -1"),
        (lambda: DynamicConvolution(1, -2), "after of DynamicConvolution .* from 0, not -2"),
        (lambda: LightConvolution(1.5, 2), "before .* not 1.5"),
        (lambda: PseudoSelf(0), "size of PseudoSelf .* from 1, not 0"),
        (lambda: ContextAttention(-3), "size of ContextAttention .* not -3"),
        (lambda: TalkingHeads(key_heads=-1), "key_heads of TalkingHeads .* from 1, not -1"),
        (lambda: TalkingHeads(value_heads=2.0), "value_heads of TalkingHeads .* not 2.0"),
        (lambda: TINY.change(key_size=0), "key_size must be None or a whole number from 1, not 0"),
        (lambda: TINY.change(value_size=-4), "value_size .* not -4"),
    ],
)
def test_sizes_that_are_no_counts(make, message):
    refused(message, make)


def test_sizes_that_may_be_left_out():
    assert DenseSynthesizer().hidden is FactorizedDense().rows is TalkingHeads().key_heads is None
    assert LightConvolution(0, 0).width == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"key_size": 5, "position": "rotary"}, "key_size is 5; make it even"),
        ({"key_size": 5, "position": "nezha"}, "a key of NEZHA's positions is 5 .* make it even"),
        ({"value_size": 7, "position": "nezha"}, "a value of NEZHA's positions is 7"),
        ({"attention_heads": 5}, "width 24 does not divide by 5 attention_heads"),
        ({"attention_heads": 5, "key_size": 4}, "width 24 .* give key_size and value_size"),
        (
            {"talking_heads": TalkingHeads(key_heads=2, before=False)},
            "2 key_heads and 4 attention_heads need to be mixed before the softmax: .*before=True",
        ),
        (
            {"talking_heads": TalkingHeads(value_heads=3, after=False)},
            "3 value_heads and 4 attention_heads need to be mixed after the softmax: .*after=True",
        ),
        ({"attention": MIXING, "value_size": 5}, "no value projection.*: 4 · 5 = 20, not 24"),
        (
            {"attention": MIXING, "talking_heads": TalkingHeads(value_heads=3)},
            "value heads times value_size must be the width: 3 · 6 = 18, not 24",
        ),
    ],
)
def test_sizes_that_do_not_go_together(changes, message):
    refused(message, lambda: built(**changes))


def test_the_same_sizes_where_they_do():
    built(key_size=6, value_size=5, position="rotary")
    built(attention_heads=5, key_size=4, value_size=3)
    built(talking_heads=TalkingHeads(key_heads=2, after=False))
    built(attention=MIXING, talking_heads=TalkingHeads(value_heads=3), value_size=8)


# What mixes the whole text


@WHOLE
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask": "lm"}, "follows the order 'full' and the plain mask only, not 'lm'"),
        ({"mask": "unilm"}, "not 'unilm'"),
        ({"mask": "permutation"}, "not 'permutation'"),
        ({"mask": Ordered() & Window(3)}, "not 'full' with .*Window.width=3."),
        ({"mask": Ordered() & SameText()}, "not 'full' with .*SameText"),
        ({"decoder": Decoder(1)}, "cannot stand in a decoder; load with decoder=None"),
        ({"position": "alibi"}, "no distances for Alibi.*give another position"),
        ({"position": "nezha"}, "no distances for Nezha"),
        ({"position": "buckets"}, "no distances for Buckets"),
    ],
)
def test_what_the_whole_text_cannot_follow(part, changes, message):
    kind = type(part).__name__
    refused(f"{kind}.* mixes the whole text, so it .*{message}", lambda: TINY.change(
        attention=part, **changes
    ))  # fmt: skip
    in_one = {"attention": {0: part}, **changes}
    refused(f"{kind}.* mixes the whole text", lambda: TINY.change(**in_one))
    TINY.change(attention=part)


@WHOLE
def test_the_whole_text_stands_alone(part):
    refused("stands alone, not beside other parts", lambda: TINY.change(attention=(part, Dot())))
    refused("stands alone, not beside", lambda: TINY.change(attention={0: (RANDOM, part)}))
    refused("mixes the whole text, so it stands alone", lambda: mix(part, Dot()))


@WHOLE
def test_the_whole_text_has_no_cache(part):
    model, ids = built(attention=part), {"tokens": tokens(1, 3)}
    refused("mixes the whole text, so there is no cache", lambda: model.empty_cache(1, 4))
    cache = tiny(mask="lm").empty_cache(1, 4)
    given = {
        "order": np.zeros((1, 3), "int32"),
        "texts": np.zeros((1, 3), "int32"),
        "allowed": np.ones((1, 3, 3), bool),
    }
    for name, value in given.items():
        message = f"mixes the whole text, so this model takes no '{name}'"
        refused(message, lambda name=name, value=value: model({**ids, name: value}), InputError)
    message = "mixes the whole text, so this model takes no 'cache'"
    refused(message, lambda: model({**ids, "cache": cache, "at": np.int32(0)}), InputError)


def test_the_whole_text_has_no_cache_in_one_block_either():
    model = built(attention={0: LINFORMER})
    refused("Linformer.* so there is no cache", lambda: model.empty_cache(1, 4))


# Blocks


@pytest.mark.parametrize(
    ("attention", "message"),
    [
        ({7: RANDOM}, "names block 7, but the depth is 2"),
        ({2: RANDOM}, "names block 2, but the depth is 2"),
        ({-1: RANDOM}, "names block -1, but the depth is 2"),
        ({(0, 5): RANDOM}, "names block 5"),
        ({range(3): RANDOM}, "names block 2"),
        ({"first": RANDOM}, "by number, or 'rest'; received 'first'"),
        ({1.0: RANDOM}, "by number, or 'rest'; received 1.0"),
        ({None: RANDOM}, "by number, or 'rest'; received None"),
        ({(0, "rest"): RANDOM}, "by number, or 'rest'; received .0, 'rest'."),
        ({0: "dot"}, "takes parts such as Dot.., not 'dot'"),
        ({"rest": Dot}, "takes parts such as Dot.., not <class"),
        ("dot", "takes parts such as Dot.., not 'dot'"),
        (None, "takes parts such as Dot.., not None"),
        ((Dot(), "random"), "takes parts such as Dot.., not "),
        ((Dot(), Learned(9)), "says where tokens stand: give it as position"),
        ((Dot(), Buckets()), "says where tokens stand: give it as position"),
    ],
)
def test_blocks_and_their_parts(attention, message):
    refused(message, lambda: TINY.change(attention=attention))


@pytest.mark.parametrize("sharing", ["all", 2, (0, 0)])
def test_blocks_that_share_weights_have_the_same_parts(sharing):
    refused(
        "Blocks 0, 1 share their weights", lambda: built(attention={0: RANDOM}, sharing=sharing)
    )
    built(attention={(0, 1): RANDOM, "rest": Dot()}, sharing=sharing)


# Mixtures and kinds


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mix(Dot()), "two parts or more, not of 1"),
        (lambda: mix(), "two parts or more, not of 0"),
        (lambda: mix(RANDOM, "dot"), "takes parts such as Dot.., not 'dot'"),
        (lambda: mix(RANDOM, Dot), "takes parts such as Dot.., not <class"),
        (lambda: mix(RANDOM, Dot(), form="sum"), "'softmax' or 'mesh', not 'sum'"),
        (lambda: mix(RANDOM, Dot(), start=(1.0,)), "for each of 2 parts, not .1.0,."),
        (lambda: mix(RANDOM, Dot(), start=(1.0, 0.0)), "positive weight .* not .1.0, 0.0."),
        (lambda: mix(RANDOM, Dot(), start=(1.0, -1.0)), "positive weight .* not .1.0, -1.0."),
        (lambda: mix(RANDOM, Dot(), start=0.5), "for each of 2 parts, not 0.5"),
        (lambda: mix(RANDOM, Dot(), start=("a", "b")), "positive weight .* not .'a', 'b'."),
    ],
)
def test_mixtures_that_are_none(make, message):
    refused(message, make)


@pytest.mark.parametrize("part", [Alibi(), Buckets(), Nezha(), Rotary(), Learned(LENGTH)])
def test_a_mixture_would_not_hear_what_is_no_score(part):
    """Biases, turned keys and further values are not weighed, so they would be lost silently."""
    name = type(part).__name__
    message = f"weighs scores of content, so {name}.* cannot be in it; .*position="
    refused(message, lambda: built(attention=mix(Dot(), part)))
    refused(message, lambda: built(attention=mix(RANDOM, mix(Dot(), part))))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("randm", "no Synthesizer 'randm'. Did you mean 'random'"),
        ("factorised_dense", "Did you mean 'factorized_dense'"),
        ("plus", "Known: 'dense', 'factorized_dense', 'factorized_random', 'fixed'"),
    ],
)
def test_synthesizers_that_do_not_exist(kind, message):
    refused(message, lambda: Synthesizer(kind))


# Contexts


@pytest.mark.parametrize("part", [PseudoSelf(6), ContextAttention(6)])
def test_contexts_belong_to_models_that_look_at_them(part):
    ids, context = {"tokens": tokens(2, 5)}, np.ones((2, 6), "float32")
    looks, plain = built(context=part), built()
    refused(r"looks at a 'context', \(B, 6\)", lambda: looks(ids), InputError)
    with_one = {**ids, "context": context}
    refused("'context' is for models that look at one", lambda: plain(with_one), InputError)
    refused("a decoder has its encoder", lambda: TINY.change(context=part, decoder=Decoder(1)))
