(** T12: powers of two and powers of a quarter in floating point. *)
From Coq Require Import Reals Lra Lia ZArith.
From Flocq Require Import Core.
From Gradchain Require Import Definitions.
Open Scope R_scope.

Lemma two_power : forall e, powerRZ 2 e = bpow radix2 e.
Proof. intros e; symmetry. apply (bpow_powerRZ radix2). Qed.

Lemma representable_format : forall emin p x, (0 < p)%Z ->
  representable emin p x <-> generic_format radix2 (FLT_exp emin p) x.
Proof.
  intros emin p x Hp. assert (P : Prec_gt_0 p) by exact Hp. split.
  - intros [m [e [E [Hm He]]]]. apply generic_format_FLT.
    exists (Float radix2 m e); simpl; [|exact Hm|exact He].
    rewrite E, two_power. reflexivity.
  - intros H. apply FLT_format_generic in H; [|exact P].
    destruct H as [[m e] E Hm He]. exists m, e. split; [|split; assumption].
    rewrite E, two_power. reflexivity.
Qed.

Lemma rounded_representable : forall emin p x, (0 < p)%Z ->
  representable emin p x -> rounded emin p x = x.
Proof.
  intros emin p x Hp H. unfold rounded. apply round_generic; [apply valid_rnd_N|].
  apply representable_format; assumption.
Qed.

Lemma two_power_pos : forall e, 0 < powerRZ 2 e.
Proof. intros e; apply powerRZ_lt; lra. Qed.

Lemma power_add : forall a b, powerRZ 2 (a + b) = powerRZ 2 a * powerRZ 2 b.
Proof. intros; apply powerRZ_add; lra. Qed.

Lemma two_power_le : forall a b, (a <= b)%Z -> powerRZ 2 a <= powerRZ 2 b.
Proof. intros; rewrite !two_power; apply bpow_le; assumption. Qed.

Lemma power_IZR : forall k, (0 <= k)%Z -> IZR (2 ^ k) = powerRZ 2 k.
Proof. intros k H. rewrite two_power. symmetry. rewrite <- (IZR_Zpower radix2 k H). reflexivity. Qed.

(** Scaling by a power of two changes the exponent only, unless it falls too low. *)
Lemma scaling_exact : forall emin p x k, (0 < p)%Z -> representable emin p x ->
  x * powerRZ 2 k = 0 \/ powerRZ 2 (emin + p - 1) <= Rabs (x * powerRZ 2 k) ->
  rounded emin p (x * powerRZ 2 k) = x * powerRZ 2 k.
Proof.
  intros emin p x k Hp [m [e [E [Hm He]]]] H. apply rounded_representable; [assumption|].
  destruct H as [H|H].
  - rewrite H. exists 0%Z, emin. split; [ring|]. split; [|lia].
    simpl. apply Z.pow_pos_nonneg; lia.
  - assert (V : x * powerRZ 2 k = IZR m * powerRZ 2 (e + k)) by (rewrite E, power_add; ring).
    rewrite V in *. clear V E x.
    destruct (Z_le_gt_dec emin (e + k)) as [Hk|Hk].
    + exists m, (e + k)%Z. auto.
    + (* the mantissa alone must reach the normal numbers: impossible below emin *)
      exfalso. rewrite Rabs_mult, (Rabs_pos_eq (powerRZ 2 _)) in H by (left; apply two_power_pos).
      rewrite <- abs_IZR in H.
      assert (M : IZR (Z.abs m) <= powerRZ 2 p - 1).
      { rewrite <- power_IZR, <- minus_IZR by lia. apply IZR_le; lia. }
      assert (Q : powerRZ 2 (e + k) <= powerRZ 2 (emin - 1)) by (apply two_power_le; lia).
      assert (Z1 := two_power_pos (emin - 1)). assert (Z2 := two_power_pos (e + k)).
      assert (Z3 := two_power_pos p).
      replace (emin + p - 1)%Z with (p + (emin - 1))%Z in H by lia. rewrite power_add in H.
      assert (0 <= IZR (Z.abs m)) by (apply IZR_le; lia).
      assert (IZR (Z.abs m) * powerRZ 2 (e + k) <= (powerRZ 2 p - 1) * powerRZ 2 (emin - 1))
        by (apply Rmult_le_compat; lra).
      lra.
Qed.

Lemma power_below : forall emin p e, (0 < p)%Z -> (e < emin)%Z ->
  rounded emin p (powerRZ 2 e) = 0.
Proof.
  intros emin p e Hp He. unfold rounded, round, scaled_mantissa, cexp.
  rewrite two_power. rewrite mag_bpow. unfold FLT_exp.
  replace (Z.max (e + 1 - p) emin) with emin by lia.
  rewrite <- bpow_plus. unfold F2R; cbn [Fnum Fexp].
  replace (Znearest _ _) with 0%Z; [ring|]. symmetry.
  assert (B : bpow radix2 (e + - emin) <= / 2).
  { apply Rle_trans with (bpow radix2 (-1)); [apply bpow_le; lia|simpl; lra]. }
  assert (P : 0 < bpow radix2 (e + - emin)) by apply bpow_gt_0.
  assert (F : Zfloor (bpow radix2 (e + - emin)) = 0%Z) by (apply Zfloor_imp; simpl; lra).
  unfold Znearest. rewrite F. rewrite Rminus_0_r.
  destruct (Rcompare_spec (bpow radix2 (e + - emin)) (/ 2)); [reflexivity|reflexivity|lra].
Qed.

Lemma rounded_0 : forall emin p, rounded emin p 0 = 0.
Proof. intros; unfold rounded. apply round_0. apply valid_rnd_N. Qed.

Lemma quarter_power : forall n, (1 / 4) ^ n = powerRZ 2 (- 2 * Z.of_nat n).
Proof.
  induction n as [|n IH]; [reflexivity|].
  replace (-2 * Z.of_nat (S n))%Z with (-2 + -2 * Z.of_nat n)%Z by lia.
  rewrite power_add, <- IH. simpl. lra.
Qed.

Lemma power_representable : forall emin p e, (0 < p)%Z -> (emin <= e)%Z ->
  representable emin p (powerRZ 2 e).
Proof.
  intros emin p e Hp He. exists 1%Z, e. split; [ring|]. split; [|assumption].
  simpl. apply Z.pow_gt_1; lia.
Qed.

Lemma running_alive : forall emin p n, (0 < p)%Z -> (emin <= - 2 * Z.of_nat n)%Z ->
  running (rounded emin p) n = (1 / 4) ^ n.
Proof.
  intros emin p n Hp; induction n as [|n IH]; intros H; [reflexivity|].
  cbn [running]. rewrite IH by lia.
  replace ((1 / 4) ^ n * (1 / 4)) with ((1 / 4) ^ S n) by (simpl; ring).
  rewrite quarter_power. apply rounded_representable; [assumption|].
  apply power_representable; assumption.
Qed.

Lemma running_dead : forall emin p n, (0 < p)%Z -> (emin <= 0)%Z -> (- 2 * Z.of_nat n < emin)%Z ->
  running (rounded emin p) n = 0.
Proof.
  intros emin p n Hp H0; induction n as [|n IH]; intros H; [lia|].
  cbn [running]. destruct (Z_lt_ge_dec (-2 * Z.of_nat n) emin) as [K|K].
  - rewrite IH, Rmult_0_l by assumption. apply rounded_0.
  - rewrite running_alive by lia.
    replace ((1 / 4) ^ n * (1 / 4)) with ((1 / 4) ^ S n) by (simpl; ring).
    rewrite quarter_power. apply power_below; assumption.
Qed.

Lemma flushed_alive : forall emin p n, (0 < p)%Z -> (emin + p - 1 <= - 2 * Z.of_nat n)%Z ->
  running (flushed emin p) n = (1 / 4) ^ n.
Proof.
  intros emin p n Hp; induction n as [|n IH]; intros H; [reflexivity|].
  cbn [running]. rewrite IH by lia.
  replace ((1 / 4) ^ n * (1 / 4)) with ((1 / 4) ^ S n) by (simpl; ring).
  rewrite quarter_power. unfold flushed.
  destruct (Rlt_dec _ _) as [K|K].
  - exfalso. rewrite Rabs_pos_eq in K by (left; apply two_power_pos).
    assert (powerRZ 2 (emin + p - 1) <= powerRZ 2 (-2 * Z.of_nat (S n)))
      by (apply two_power_le; lia). lra.
  - apply rounded_representable; [assumption|]. apply power_representable; lia.
Qed.

Lemma flushed_dead : forall emin p n, (0 < p)%Z -> (emin + p - 1 <= 0)%Z ->
  (- 2 * Z.of_nat n < emin + p - 1)%Z -> running (flushed emin p) n = 0.
Proof.
  intros emin p n Hp H0; induction n as [|n IH]; intros H; [lia|].
  cbn [running]. unfold flushed at 1. destruct (Rlt_dec _ _) as [K|K]; [reflexivity|].
  destruct (Z_lt_ge_dec (-2 * Z.of_nat n) (emin + p - 1)) as [G|G].
  - rewrite IH, Rmult_0_l by assumption. apply rounded_0.
  - exfalso. apply K. rewrite flushed_alive by lia.
    replace ((1 / 4) ^ n * (1 / 4)) with ((1 / 4) ^ S n) by (simpl; ring).
    rewrite quarter_power, Rabs_pos_eq by (left; apply two_power_pos).
    rewrite !two_power. apply bpow_lt; lia.
Qed.

(** Half of three times the least positive number is not representable. *)
Lemma scaling_rounds : forall emin p, (1 < p)%Z ->
  representable emin p (3 * powerRZ 2 emin) /\
  rounded emin p (3 * powerRZ 2 emin * powerRZ 2 (-1)) = 2 * powerRZ 2 emin.
Proof.
  intros emin p Hp. split.
  - exists 3%Z, emin. split; [ring|]. split; [|lia].
    simpl. apply Z.lt_le_trans with (2 ^ 2)%Z; [reflexivity|]. apply Z.pow_le_mono_r; lia.
  - unfold rounded, round, scaled_mantissa.
    assert (V : 3 * powerRZ 2 emin * powerRZ 2 (-1) = 3 / 2 * bpow radix2 emin).
    { rewrite <- two_power. simpl powerRZ. field. }
    assert (C : cexp radix2 (FLT_exp emin p) (3 * powerRZ 2 emin * powerRZ 2 (-1)) = emin).
    { unfold cexp, FLT_exp. rewrite V.
      rewrite (mag_unique radix2 (3 / 2 * bpow radix2 emin) (emin + 1)); [lia|].
      assert (P := bpow_gt_0 radix2 emin).
      replace (emin + 1 - 1)%Z with emin by lia. rewrite bpow_plus. simpl (bpow radix2 1).
      rewrite Rabs_pos_eq by lra. lra. }
    rewrite C, V. rewrite Rmult_assoc, <- bpow_plus, Z.add_opp_diag_r.
    simpl (bpow radix2 0). rewrite Rmult_1_r.
    replace (Znearest _ _) with 2%Z; [unfold F2R; simpl; rewrite two_power; reflexivity|].
    symmetry. unfold Znearest.
    assert (F : Zfloor (3 / 2) = 1%Z) by (apply Zfloor_imp; simpl; lra).
    assert (G : Zceil (3 / 2) = 2%Z) by (apply Zceil_imp; simpl; lra).
    rewrite F, G, Rcompare_Eq; [reflexivity|simpl; lra].
Qed.

Lemma quarter_nonzero : forall n, (1 / 4) ^ n <> 0.
Proof. intros n; apply pow_nonzero; lra. Qed.

Lemma first_zero : forall emin p n m, (0 < p)%Z -> (emin <= 0)%Z ->
  (emin <= - 2 * Z.of_nat n)%Z -> (- 2 * Z.of_nat m < emin)%Z ->
  running (rounded emin p) n <> 0 /\ running (rounded emin p) m = 0.
Proof.
  intros emin p n m Hp H0 A B. split; [|apply running_dead; assumption].
  rewrite running_alive by assumption. apply quarter_nonzero.
Qed.

Lemma first_zeros :
  (running (rounded (-24) 11) 12 <> 0 /\ running (rounded (-24) 11) 13 = 0) /\
  (running (rounded (-133) 8) 66 <> 0 /\ running (rounded (-133) 8) 67 = 0) /\
  (running (rounded (-149) 24) 74 <> 0 /\ running (rounded (-149) 24) 75 = 0) /\
  (running (rounded (-1074) 53) 537 <> 0 /\ running (rounded (-1074) 53) 538 = 0).
Proof. repeat match goal with |- (_ /\ _) /\ _ => apply conj end; apply first_zero; lia. Qed.

Lemma first_zero_flushed : forall emin p n m, (0 < p)%Z -> (emin + p - 1 <= 0)%Z ->
  (emin + p - 1 <= - 2 * Z.of_nat n)%Z -> (- 2 * Z.of_nat m < emin + p - 1)%Z ->
  running (flushed emin p) n <> 0 /\ running (flushed emin p) m = 0.
Proof.
  intros emin p n m Hp H0 A B. split; [|apply flushed_dead; assumption].
  rewrite flushed_alive by assumption. apply quarter_nonzero.
Qed.

Lemma first_zeros_flushed :
  (running (flushed (-149) 24) 63 <> 0 /\ running (flushed (-149) 24) 64 = 0) /\
  (running (flushed (-1074) 53) 511 <> 0 /\ running (flushed (-1074) 53) 512 = 0).
Proof. apply conj; apply first_zero_flushed; lia. Qed.
