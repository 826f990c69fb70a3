seq 3; seq 2 4; seq 1 2 5; seq -w 8 10; seq -s , 3
