touch -d @1000000000 f; stat --printf "%Y\n" f; stat -c "%y" f | cut -c1-10
