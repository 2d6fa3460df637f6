"""The public names of bert4keras 0.11.5, by module; names alone."""

PUBLIC = {
    "backend": """
        Sinusoidal align apply_rotary_position_embeddings attention_normalize batch_gather
        custom_objects divisible_temporal_padding do_recompute dtype flatten gelu_erf gelu_tanh
        get_available_gpus graph_mode_decorator is_tf_keras leaky_relu
        multilabel_categorical_crossentropy piecewise_linear pool1d recompute_grad reshape
        root_mean_square search_layer sequence_masking set_gelu sinusoidal_embeddings
        sparse_multilabel_categorical_crossentropy swish symbolic where
    """,
    "layers": """
        BatchConcat BatchSplit Concatenate1D ConditionalRandomField EfficientGlobalPointer
        Embedding FeedForward GatedAttentionUnit GlobalAveragePooling1D GlobalMaxPooling1D
        GlobalPointer Layer LayerNormalization Loss MaximumEntropyMarkovModel Model
        MultiHeadAttention Node NodeBase PositionEmbedding RelativePositionEmbedding
        RelativePositionEmbeddingT5 ScaleOffset SinusoidalPositionEmbedding custom_objects
        integerize_shape
    """,
    "models": """
        ALBERT ALBERT_Unshared BERT ELECTRA GPT GPT2 GPT2_ML LM_Mask NEZHA RoFormer RoFormerV2 T5
        T5_Base T5_Decoder T5_Encoder Transformer UniLM_Mask build_transformer_model data_parallel
        extend_with_language_model extend_with_unified_language_model
    """,
    "optimizers": """
        AdaFactor AdaFactorBase AdaFactorV1 AdaFactorV2 Adam Lion LionV2 custom_objects
        export_to_custom_objects extend_with_exponential_moving_average
        extend_with_exponential_moving_average_v2 extend_with_gradient_accumulation
        extend_with_gradient_accumulation_v2 extend_with_layer_adaptation
        extend_with_layer_adaptation_v2 extend_with_lazy_optimization
        extend_with_lazy_optimization_v2 extend_with_lookahead extend_with_lookahead_v2
        extend_with_parameter_wise_lr extend_with_parameter_wise_lr_v2
        extend_with_piecewise_linear_lr extend_with_piecewise_linear_lr_v2
        extend_with_weight_decay extend_with_weight_decay_v2
    """,
    "snippets": """
        AutoRegressiveDecoder DataGenerator Hook ViterbiDecoder WebServing basestring
        convert_to_str convert_to_unicode delete_arguments insert_arguments is_one_of is_py2
        is_string longest_common_subsequence longest_common_substring lowercase_and_normalize open
        orthogonally_resize parallel_apply parallel_apply_generator sequence_padding softmax
        strQ2B string_matching text_segmentate to_array truncate_sequences
    """,
    "tokenizers": """
        SpTokenizer Tokenizer TokenizerBase load_vocab save_vocab
    """,
}
