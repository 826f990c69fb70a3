"""What the program says: texts as data beside the code that they explain, in English and Russian."""
