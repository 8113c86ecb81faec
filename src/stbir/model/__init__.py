"""The model as a bundle of ONNX files: loading and writing it, encoding with it, fusing a query into one vector.

In: pictures, drawings, words. Out: unit vectors (NumPy float32). Nothing here imports PyTorch.
"""
