"""What the compiled loop generates through its cache equals what is read anew for each token."""

import re

import numpy as np
import pytest
from decoding import (
    ENDS,
    KINDS,
    arguments,
    assert_found,
    greedy,
    keeping,
    model_for,
    prompts_for,
    reader_for,
)

from playmask import Beams, Greedy, Sample, generate
from playmask.model import cache as kv_cache

LENGTHS = [5, 3, 13, 1, 8]  # five prompts in a batch of eight, with padding in all but one
MOST = 6
ON_BACKENDS = ("bert", "turns", "t5")


def kinds(names):
    """Kinds of models, a few of them on the other backends too."""
    return [
        pytest.param(name, marks=[pytest.mark.backends] * (name in ON_BACKENDS)) for name in names
    ]


@pytest.mark.parametrize("kind", kinds(k for k in KINDS if k != "plain"))
def test_cached_equals_uncached(kind):
    prompts, reader = prompts_for(kind, LENGTHS), reader_for(kind)
    made = generate(
        model_for(kind), **arguments(prompts), max_tokens=MOST, end=ENDS, search=Beams(3)
    )
    assert_found(made, [keeping(reader.behind(p), 3, MOST, ENDS) for p in prompts])
    made = generate(model_for(kind), **arguments(prompts), max_tokens=MOST, end=ENDS)
    assert_found(made, [greedy(reader.behind(p), MOST, ENDS) for p in prompts])


@pytest.mark.parametrize("kind", ["bert", "t5"])
def test_batched_equals_alone(kind):
    prompts, options = prompts_for(kind, LENGTHS), {"max_tokens": MOST, "end": ENDS}
    both = generate(model_for(kind), **arguments(prompts), **options, search=Beams(3))
    for i in (0, 3):
        one = generate(model_for(kind), **arguments(prompts[i : i + 1]), **options, search=Beams(3))
        assert one.tokens == both.tokens[i : i + 1]
        np.testing.assert_allclose(one.scores[0], both.scores[i], rtol=1e-5, atol=1e-5)


@pytest.mark.backends
@pytest.mark.parametrize("search", [Sample(n=3), Beams(4)], ids=repr)
def test_a_row_says_the_same_among_others_on_every_run(search):
    """Bit for bit, where the others are other texts of other lengths at other places."""
    model, options = model_for("plain"), {"max_tokens": 7, "end": ENDS, "search": search}
    rows = arguments(prompts_for("plain", LENGTHS))["tokens"]
    others = arguments(prompts_for("plain", [2, 9, 14, 4], seed=8))["tokens"]
    made = generate(model, rows, seed=[*range(5)], **options)
    again = generate(model, [others[0], rows[2], *others[1:]], seed=[9, 2, 8, 7, 6], **options)
    assert (again.tokens[1], again.scores[1]) == (made.tokens[2], made.scores[2])
    assert generate(model, rows, seed=[*range(5)], **options) == made


def test_lanes_of_a_prompt_are_read_as_rows_of_their_own():
    """Greedy() goes on as Beams(1) and as the likeliest of Sample does."""
    model, prompts = model_for("bert"), arguments(prompts_for("bert", LENGTHS))
    told = {"max_tokens": MOST, "end": ENDS}
    greedily = generate(model, **prompts, **told, search=Greedy())
    sampled = generate(model, **prompts, **told, search=Sample(n=2, top_k=1))
    for texts, lanes in zip(greedily.tokens, sampled.tokens, strict=True):
        assert lanes == texts * 2
    np.testing.assert_allclose(
        np.array(sampled.scores), np.array(greedily.scores) * [1, 1], rtol=1e-5, atol=1e-5
    )


def test_a_loop_of_one_text_copies_no_cache():
    """XLA makes four copies of each array at every token where the loop carries (B, N, S, H)."""
    import jax
    import jax.numpy as jnp

    def copies(apart, in_rows):
        def step(_, carry):
            cache, q = carry
            kv = kv_cache.write_kv(apart(cache)["kv"][0], {"keys": q}, 2)
            q = jnp.swapaxes(jnp.matmul(kv["keys"], jnp.swapaxes(q, -1, -2)), -1, -2)
            return in_rows({**cache, "kv": (kv,)}), jnp.tanh(q[..., :8])

        cache = kv_cache.empty(1, 32, [{"keys": (4, 8)}], "float32")
        carry = in_rows(cache), jnp.ones((1, 4, 1, 8))
        loop = jax.jit(lambda carry: jax.lax.fori_loop(0, 5, step, carry), donate_argnums=0)
        program = loop.lower(carry).compile().as_text()
        return len(re.findall(r"f32\[(?:1,)?4,32,8\]\S* copy\(", program))

    assert copies(kv_cache.heads_apart, kv_cache.heads_in_rows) == 0
    assert copies(lambda cache: cache, lambda cache: cache) > 0  # else all this is idle
