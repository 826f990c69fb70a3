(trap "echo sub" EXIT; echo in); echo out
