"""ONNX: a Transformer's computation, from its jaxpr with symbolic sizes, for other runtimes."""
