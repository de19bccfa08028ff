"""Networks (Tables 1 and 2) and the scene generator's modules (Figure 4).

Axis letters, here and in every docstring: B images of a batch, N instance layers of a scene (bottom to top), H and W
pixels, C channels, Z latent dimensions. Tensors are NHWC; a stack of layers is NBHWC.
"""
