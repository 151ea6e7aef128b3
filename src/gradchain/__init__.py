"""gradchain: exact Jacobian chains through deep networks, honest bounds, citable numbers."""
