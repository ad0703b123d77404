"""Problems by kind and one by one: strata, item tables, item-response models."""
