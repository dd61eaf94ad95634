"""From a checkpoint to the ONNX file and its manifest."""
