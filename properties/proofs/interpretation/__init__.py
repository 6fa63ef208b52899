"""Abstract interpretation: a jaxpr applied to what is known of its inputs."""
