echo $(echo $(echo deep) `echo old`)
