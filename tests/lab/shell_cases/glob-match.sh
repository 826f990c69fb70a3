touch b.c a.c x.h; echo *.c; echo ?.h; echo [ab].c; echo [!ab].*
