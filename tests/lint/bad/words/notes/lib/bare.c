int weir_bare;
