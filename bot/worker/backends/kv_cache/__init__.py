"""Which conversation's KV cache is kept where: shared by the back ends that hold one themselves."""
