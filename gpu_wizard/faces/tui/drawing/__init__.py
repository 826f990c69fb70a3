"""What is drawn, as pure functions of the progress and the width."""
