printf "%s|%5d|%-5s|%05.1f|%x|%o|%c|%%\n" a 42 b 3.14159 255 8 xyz
