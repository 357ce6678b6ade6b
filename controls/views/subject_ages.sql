-- base: subjects
-- not null: subject_id
-- One row a person: whether they were under the floor of age when data was first collected, and whether the
-- organisation knew. Without a birth date a person's own words count. Nobody was found to be too young where the
-- register says that the person said nothing, or said to be old enough, and that nobody learnt the age since;
-- where it says nothing at all, that is not known.
SELECT
    s.*,
    CASE
        WHEN s.birth_date IS NULL AND s.age_learned_at IS NULL AND s.age_assertion <> 'under_13' THEN FALSE
        WHEN s.birth_date IS NULL AND s.age_assertion = 'under_13' THEN TRUE
        WHEN s.age_assertion = 'under_13' AND age_at_least(s.birth_date, day_of(s.first_collected_at), $age_floor)
            THEN NULL
        ELSE NOT age_at_least(s.birth_date, day_of(s.first_collected_at), $age_floor)
    END AS found_too_young,
    not_after(s.age_learned_at, s.first_collected_at) AS known_at_collection
FROM subjects s
