"""Training and export of models. PyTorch lives in this package only; nothing that searches imports it."""
