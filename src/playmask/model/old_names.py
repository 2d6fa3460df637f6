"""Old names of what an architecture has fields for, so that errors can name the new ones."""

OLD = {
    "application": "mask='lm' or mask='unilm'",
    "with_mlm": "heads=('mlm',)",
    "with_pool": "heads=('pool',)",
    "with_nsp": "heads=('nsp',)",
    "model": "family=…",
    "hidden_size": "width",
    "num_hidden_layers": "depth",
    "num_attention_heads": "attention_heads",
    "intermediate_size": "inner",
    "hidden_act": "activation",
    "vocab_size": "vocabulary",
    "attention_key_size": "key_size",
    "attention_head_size": "value_size",
    "max_position_embeddings": "position=Learned(…)",
    "type_vocab_size": "segments",
    "autoresize_weights": "resize=True",
    "hierarchical_position": "position='hierarchical'",
    "custom_position_ids": "inputs['positions']",
    "residual_attention_scores": "attention=(Dot(), ResidualScores())",
    "shared_segment_embeddings": "segments='tokens'",
    "cross_position_bias": "decoder=Decoder(…, cross_position=True)",
    "dropout_rate": "dropout",
    "layer_norm_cond": "condition_size=…, and inputs['condition']",
}
"""What bert4keras and Hugging Face call things, and what to write here."""
