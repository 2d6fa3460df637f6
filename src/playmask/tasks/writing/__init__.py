"""Tasks that write texts, or fill their gaps."""
