mkdir -p d1 d2; touch d1/f d2/f; echo d*/f; echo */
