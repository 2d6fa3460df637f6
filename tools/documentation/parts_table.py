"""What the page of parts says besides the code: formulas, lines that take them, Chinese words."""

from typing import NamedTuple


class Entry(NamedTuple):
    """A part: its class, what `load` is given, its formula, and its sentence in Chinese."""

    name: str
    change: str
    formula: str
    chinese: str


class Group(NamedTuple):
    """Parts under one heading, in both languages."""

    english: str
    chinese: str
    entries: tuple[Entry, ...]


CONTENT = (
    Entry("Dot", "attention=Dot()", "q·k / √H", "缩放点积注意力：query 与 key 的内积除以 √H。"),
    Entry(
        "DenseSynthesizer",
        'attention=Synthesizer("dense")',
        "W₂ relu(W₁ x + b₁) + b₂",
        "稠密 Synthesizer：只由 query 的隐状态算出对所有 key 的分数，不与 key 比较。",
    ),
    Entry(
        "FactorizedDense",
        'attention=Synthesizer("factorized_dense")',
        "a ⊗ b",
        "分解的稠密 Synthesizer：算两个短向量，位置 i·b + j 的分数是 aᵢ·bⱼ。",
    ),
    Entry(
        "MeshDense",
        'attention=Synthesizer("mesh_dense")',
        "W₂ relu(q)",
        "Mesh TensorFlow 的稠密 Synthesizer：所有头共用一个 W₂，没有偏置。",
    ),
    Entry(
        "RandomSynthesizer",
        'attention=Synthesizer("random")',
        "R[i, j]",
        '随机 Synthesizer：每对位置一个学到的数，与 token 无关；"fixed" 不训练。',
    ),
    Entry(
        "FactorizedRandom",
        'attention=Synthesizer("factorized_random")',
        "(R₁ R₂ᵀ)[i, j]",
        "分解的随机 Synthesizer：表是两个低秩表的乘积。",
    ),
    Entry(
        "Mixture",
        'attention=mix(Synthesizer("random"), Dot())',
        "Σ αᵢ sᵢ,  α = softmax(w)",
        "混合：几种分数按学到的、和为 1 的权重相加。",
    ),
    Entry(
        "ResidualScores",
        "attention=(Dot(), ResidualScores())",
        "sₗ = qₗ·kₗ / √H + sₗ₋₁",
        "RealFormer 的残差注意力：加上前一个 block 的分数，逐层累积。",
    ),
    Entry(
        "LightConvolution",
        "attention=LightConvolution(3, 3), projections=Glu()",
        "c[j - i],  -before ≤ j - i ≤ after",
        "轻量卷积：只给附近的 key 按距离打分，别的看不到。",
    ),
    Entry(
        "DynamicConvolution",
        "attention=DynamicConvolution(3, 3), projections=Glu()",
        "(W x)[j - i],  -before ≤ j - i ≤ after",
        "动态卷积：卷积核由 query 的隐状态算出。",
    ),
    Entry(
        "Linformer",
        "attention=Linformer(128)",
        "softmax(q (E k)ᵀ / √H) F v",
        "Linformer：key 和 value 沿文本压缩到 `size` 个。",
    ),
    Entry(
        "TokenMixing",
        "attention=TokenMixing(256)",
        "W₂ gelu(W₁ x + b₁) + b₂",
        "MLP-Mixer 的 token 混合：沿文本的两层全连接，没有 softmax，也没有投影。",
    ),
)

POSITIONS = (
    Entry(
        "Learned", 'position="learned"', "x + P[i]", "可学习的绝对位置：一张表，加到 token 向量上。"
    ),
    Entry(
        "Hierarchical",
        'position="hierarchical"',
        "x + α u[i // n] + (1 - α) u[i mod n],  u = (P - α P[0]) / (1 - α)",
        "层次分解的位置：n 行的表能到 n² 个位置，前 n 个位置不变。",
    ),
    Entry(
        "Sinusoidal",
        'position="sinusoidal"',
        "x + [sin(i ω), cos(i ω), …],  ω = base^(-2m/D)",
        "正余弦位置：固定的正弦和余弦加到 token 向量上。",
    ),
    Entry(
        "Rotary",
        'position="rotary"',
        "(R(i) q)·(R(j) k) = q·R(j - i) k",
        "旋转位置编码（RoPE）：q、k 的每对数按位置旋转，内积只与距离有关。",
    ),
    Entry(
        "Nezha",
        'position="nezha"',
        "q·(k + r[j - i]) / √H,  Σ w (v + r[j - i])",
        "NEZHA 的相对位置：key 和 value 各加上距离的正余弦向量，距离在 clip 处截断。",
    ),
    Entry(
        "Buckets",
        'position="buckets"',
        "s + b[bucket(j - i)]",
        "T5 的相对位置偏置：距离分桶，每个头每个桶学一个数。",
    ),
    Entry(
        "Alibi",
        'position="alibi"',
        "s - 2^(-8n/N) |i - j|",
        "ALiBi：每个分数减去斜率乘距离，头越靠后越平缓，没有权重。",
    ),
    Entry(
        "Disentangled",
        'position="disentangled", attention=Dot(terms=3)',
        "(q·k + q·K(δ) + k·Q(δ)) / √(3H)",
        "DeBERTa 的解耦注意力：分数里加上 query 与距离、key 与距离两项。",
    ),
    Entry(
        "TransformerXl",
        "position=TransformerXl()",
        "(q·k + u·k + (q + v)·W r(i - j) + (q + s)·e) / √H",
        "Transformer-XL 的相对位置，以及 XLNet 的相对分段。",
    ),
    Entry(
        "Joined",
        "position=Joined((Learned(512), Buckets()))",
        "b₁ + b₂ + …",
        "几种位置同时用：各项相加，至多一种加到 embedding 上。",
    ),
)

AROUND = (
    Entry(
        "TalkingHeads",
        "talking_heads=True",
        "w = softmax(s Pₗ),  o = (w P_w) v",
        "Talking-heads：softmax 前混合各头的分数，softmax 后混合各头的权重。",
    ),
    Entry(
        "Glu",
        "projections=Glu()",
        "v = W x ⊙ σ(W′ x)",
        "门控线性单元（GLU）：value 乘上一个 sigmoid 门。",
    ),
    Entry(
        "Gated",
        "projections=Gated(), attention_heads=1, key_size=128, value_size=1536, "
        'feedforward=False, normalization="softmax_plus"',
        "u ⊙ (w v),  q = γ_q z,  k = γ_k z",
        "门控注意力单元（GAU）：注意力与前馈合为一层，q、k 共用一个小向量。",
    ),
    Entry(
        "PseudoSelf",
        "context=PseudoSelf(64)",
        "softmax(q·[U_k c; k] / √H) [U_v c; v]",
        "伪自注意力：外部条件的 key 和 value 排在文本自己的前面，共用一个 softmax。",
    ),
    Entry(
        "ContextAttention",
        "context=ContextAttention(64)",
        "x + attention(norm(x), c)",
        "对外部条件的注意力：在自注意力之后，带自己的归一化。",
    ),
)

GROUPS = (
    Group("Scores by content", "按内容打分", CONTENT),
    Group("Positions", "位置", POSITIONS),
    Group("Around the scores", "分数之外", AROUND),
)

ELSEWHERE = {
    "Separate": "the usual projections, which `Glu` and `Gated` replace",
    "StoredNezha": "a table that a file holds in the place of `Nezha`",
    "StoredRotary": "a table that a file holds in the place of `Rotary`",
}
"""Parts of the library that are nobody's choice, and why."""

MASKS = (
    ("full", 'mask="full"', "all", "全部"),
    ("lm", 'mask="lm"', "itself and what came before", "自己和前面的"),
    (
        "unilm",
        'mask="unilm"',
        "the source; of the target itself and what came before",
        "源句全部，目标句里自己和前面的",
    ),
    (
        "turns",
        'mask="turns"',
        "what came before, and of a question's own block all",
        "前面的，以及提问这一段内全部",
    ),
    ("permutation", 'order="permutation"', "ranks up to its own", "名次不高于自己的"),
    ("Window", "mask=Ordered() & Window(64)", "near tokens alone", "附近的"),
    ("SameText", "mask=Ordered() & SameText()", "its own text of a packed row", "拼行里自己的那段"),
    (
        "Strict",
        'order="permutation", mask=Strict()',
        "ranks below its own",
        "名次低于自己的",
    ),
)
"""Masks: name, what `load` is given, what a query sees in English and in Chinese."""
