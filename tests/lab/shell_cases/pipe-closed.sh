yes | head -n 1; seq 1 100000 | head -n 1; echo end
