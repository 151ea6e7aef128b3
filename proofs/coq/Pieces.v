(** T05: activations in pieces. *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Gradchain Require Import Definitions Tools.
Open Scope R_scope.

(** ** One-sided slopes that differ exclude a derivative *)

Lemma slope_from : forall (f : R -> R) x l s m,
  (s = 1 \/ s = -1) ->
  (forall eps, 0 < eps -> exists del, 0 < del /\ forall h, 0 < h < del ->
     Rabs ((f (x + s * h) - f x) / (s * h) - m) < eps) ->
  is_derive f x l -> l = m.
Proof.
  intros f x l s m Hs H Hd. apply is_derive_Reals in Hd.
  destruct (Req_dec l m) as [|Hne]; [assumption|exfalso].
  assert (He : 0 < Rabs (l - m) / 2).
  { assert (0 < Rabs (l - m)) by (apply Rabs_pos_lt; lra). lra. }
  destruct (H _ He) as [d1 [Hd1 H1]]. destruct (Hd _ He) as [d2 H2].
  assert (0 < d2) by apply cond_pos.
  set (h := Rmin d1 d2 / 2).
  assert (Hm : 0 < Rmin d1 d2) by (apply Rmin_pos; lra).
  assert (Rmin d1 d2 <= d1) by apply Rmin_l. assert (Rmin d1 d2 <= d2) by apply Rmin_r.
  assert (A := H1 h ltac:(unfold h; lra)).
  assert (B := H2 (s * h) ltac:(unfold h; destruct Hs; subst s; lra)
               ltac:(unfold h; destruct Hs; subst s; unfold Rabs; destruct Rcase_abs; lra)).
  set (q := (f (x + s * h) - f x) / (s * h)) in *.
  assert (T := Rabs_triang (l - q) (q - m)).
  replace (l - q + (q - m)) with (l - m) in T by ring.
  rewrite (Rabs_minus_sym l q) in T. lra.
Qed.

(** The same where the piece on that side is a function g with slope m at x. *)
Lemma slope_from_piece : forall (f g : R -> R) x l s m r, 0 < r ->
  (s = 1 \/ s = -1) -> g x = f x ->
  (forall h, 0 < h < r -> f (x + s * h) = g (x + s * h)) ->
  is_derive g x m -> is_derive f x l -> l = m.
Proof.
  intros f g x l s m r Hr Hs Hx Hfg Hg Hd.
  apply slope_from with (f := f) (x := x) (s := s); auto.
  intros eps He. apply is_derive_Reals in Hg. destruct (Hg eps He) as [d Hdel].
  assert (0 < d) by apply cond_pos.
  exists (Rmin r d); split; [apply Rmin_pos; lra|]. intros h Hh.
  assert (Rmin r d <= r) by apply Rmin_l. assert (Rmin r d <= d) by apply Rmin_r.
  rewrite Hfg, <- Hx by lra. apply Hdel.
  - destruct Hs; subst s; lra.
  - destruct Hs; subst s; unfold Rabs; destruct Rcase_abs; lra.
Qed.

Lemma kink : forall (f g1 g2 : R -> R) x m1 m2 r, 0 < r -> m1 <> m2 ->
  g1 x = f x -> g2 x = f x ->
  (forall h, 0 < h < r -> f (x - h) = g1 (x - h)) ->
  (forall h, 0 < h < r -> f (x + h) = g2 (x + h)) ->
  is_derive g1 x m1 -> is_derive g2 x m2 -> ~ ex_derive f x.
Proof.
  intros f g1 g2 x m1 m2 r Hr Hm E1 E2 F1 F2 D1 D2 [l Hl]. apply Hm.
  transitivity l; [symmetry|];
    [apply slope_from_piece with (f := f) (g := g1) (x := x) (s := -1) (r := r)
    |apply slope_from_piece with (f := f) (g := g2) (x := x) (s := 1) (r := r)]; auto.
  - intros h Hh. replace (x + -1 * h) with (x - h) by ring. auto.
  - intros h Hh. rewrite Rmult_1_l. auto.
Qed.

(** Two pieces with the same slope at the joint give a derivative there. *)
Lemma joint : forall (f g1 g2 : R -> R) x m,
  g1 x = f x -> g2 x = f x ->
  (forall t, t <= x -> f t = g1 t) -> (forall t, x <= t -> f t = g2 t) ->
  is_derive g1 x m -> is_derive g2 x m -> is_derive f x m.
Proof.
  intros f g1 g2 x m E1 E2 F1 F2 D1 D2.
  apply is_derive_Reals. apply is_derive_Reals in D1. apply is_derive_Reals in D2.
  intros eps He. destruct (D1 eps He) as [d1 H1]. destruct (D2 eps He) as [d2 H2].
  assert (P1 : 0 < d1) by apply cond_pos. assert (P2 : 0 < d2) by apply cond_pos.
  assert (Hm : 0 < Rmin d1 d2) by (apply Rmin_pos; lra).
  exists (mkposreal _ Hm); simpl. intros h Hh Hb.
  assert (Rmin d1 d2 <= d1) by apply Rmin_l. assert (Rmin d1 d2 <= d2) by apply Rmin_r.
  destruct (Rle_dec h 0).
  - rewrite F1 by lra. rewrite <- E1. apply H1; lra.
  - rewrite F2 by lra. rewrite <- E2. apply H2; lra.
Qed.

Ltac slope := auto_derive; [auto; try lra | try field; try lra].

(** Side conditions of [kink], where r1 and r2 rewrite the function on the two sides. *)
Ltac piece r1 r2 :=
  try lra; try (intros ?E; lra); try (intros ?h ?Hh); cbv beta;
  try (first [rewrite r1 by lra | rewrite r2 by lra]; lra); try slope.

(** ** ReLU *)

Lemma relu_neg : forall x, x <= 0 -> relu x = 0.
Proof. intros x H; unfold relu; apply Rmax_left; lra. Qed.

Lemma relu_pos : forall x, 0 <= x -> relu x = x.
Proof. intros x H; unfold relu; apply Rmax_right; lra. Qed.

Lemma relu_derive_neg : forall x, x < 0 -> is_derive relu x 0.
Proof.
  intros x H. apply is_derive_near with (g := fun _ => 0) (P := fun t => t < 0).
  - apply locally_lt; assumption.
  - intros t Ht; rewrite relu_neg; lra.
  - slope.
Qed.

Lemma relu_derive_pos : forall x, 0 < x -> is_derive relu x 1.
Proof.
  intros x H. apply is_derive_near with (g := fun t => t) (P := fun t => 0 < t).
  - apply locally_gt; assumption.
  - intros t Ht; rewrite relu_pos; lra.
  - slope.
Qed.

Lemma relu_kink : ~ ex_derive relu 0.
Proof.
  apply kink with (g1 := fun _ => 0) (g2 := fun t => t) (m1 := 0) (m2 := 1) (r := 1);
    piece relu_neg relu_pos.
Qed.

(** ** Leaky ReLU (and PReLU, where a is trained) *)

Lemma leaky_neg : forall a x, x <= 0 -> leaky_relu a x = a * x.
Proof.
  intros a x H; unfold leaky_relu. destruct (Rle_dec 0 x); [|reflexivity].
  replace x with 0 by lra; ring.
Qed.

Lemma leaky_pos : forall a x, 0 <= x -> leaky_relu a x = x.
Proof. intros a x H; unfold leaky_relu. destruct (Rle_dec 0 x); lra. Qed.

Lemma leaky_derive_neg : forall a x, x < 0 -> is_derive (leaky_relu a) x a.
Proof.
  intros a x H. apply is_derive_near with (g := fun t => a * t) (P := fun t => t < 0).
  - apply locally_lt; assumption.
  - intros t Ht; rewrite leaky_neg; lra.
  - slope.
Qed.

Lemma leaky_derive_pos : forall a x, 0 < x -> is_derive (leaky_relu a) x 1.
Proof.
  intros a x H. apply is_derive_near with (g := fun t => t) (P := fun t => 0 < t).
  - apply locally_gt; assumption.
  - intros t Ht; rewrite leaky_pos; lra.
  - slope.
Qed.

Lemma leaky_kink : forall a, a <> 1 -> ~ ex_derive (leaky_relu a) 0.
Proof.
  intros a Ha.
  apply kink with (g1 := fun t => a * t) (g2 := fun t => t) (m1 := a) (m2 := 1) (r := 1);
    piece leaky_neg leaky_pos.
Qed.

Lemma halves_lipschitz : forall (f g1 g2 d1 d2 : R -> R) L, 0 <= L ->
  (forall x, x <= 0 -> f x = g1 x) -> (forall x, 0 <= x -> f x = g2 x) ->
  (forall x, is_derive g1 x (d1 x)) -> (forall x, is_derive g2 x (d2 x)) ->
  (forall x, x <= 0 -> Rabs (d1 x) <= L) -> (forall x, 0 <= x -> Rabs (d2 x) <= L) ->
  lipschitz f L.
Proof.
  intros f g1 g2 d1 d2 L HL F1 F2 D1 D2 B1 B2.
  apply lipschitz_glue with 0; [assumption| |]; intros x y Hx Hy.
  - rewrite !F1 by assumption. apply lipschitz_between with d1; [assumption|].
    intros t Ht; split; [apply D1|apply B1].
    assert (Rmax x y <= 0) by (apply Rmax_lub; lra). lra.
  - rewrite !F2 by assumption. apply lipschitz_between with d2; [assumption|].
    intros t Ht; split; [apply D2|apply B2].
    assert (0 <= Rmin x y) by (apply Rmin_glb; lra). lra.
Qed.

Lemma leaky_lipschitz : forall a, lipschitz_constant (leaky_relu a) (Rmax 1 (Rabs a)).
Proof.
  intros a. assert (A := Rmax_l 1 (Rabs a)). assert (B := Rmax_r 1 (Rabs a)). split.
  - apply halves_lipschitz with (g1 := fun t => a * t) (g2 := fun t => t)
      (d1 := fun _ => a) (d2 := fun _ => 1).
    + lra.
    + apply leaky_neg.
    + apply leaky_pos.
    + intros x; slope.
    + intros x; slope.
    + intros x _; assumption.
    + intros x _; rewrite Rabs_R1; assumption.
  - intros M HM. apply Rmax_lub.
    + rewrite <- Rabs_R1. apply derivative_below_lipschitz with (leaky_relu a) 1; auto.
      apply leaky_derive_pos; lra.
    + apply derivative_below_lipschitz with (leaky_relu a) (-1); auto.
      apply leaky_derive_neg; lra.
Qed.

Lemma relu_leaky : forall x, relu x = leaky_relu 0 x.
Proof.
  intros x. destruct (Rle_dec 0 x).
  - rewrite relu_pos, leaky_pos; lra.
  - rewrite relu_neg, leaky_neg; lra.
Qed.

Lemma lipschitz_constant_ext : forall f g L, (forall x, f x = g x) ->
  lipschitz_constant g L -> lipschitz_constant f L.
Proof.
  intros f g L E [H1 H2]; split.
  - intros x y; rewrite !E; apply H1.
  - intros M HM; apply H2; intros x y; rewrite <- !E; apply HM.
Qed.

Lemma relu_lipschitz : lipschitz_constant relu 1.
Proof.
  apply lipschitz_constant_ext with (leaky_relu 0); [apply relu_leaky|].
  assert (H := leaky_lipschitz 0). rewrite Rabs_R0, Rmax_left in H by lra. exact H.
Qed.

(** ** ELU *)

Lemma elu_neg : forall a x, x <= 0 -> elu a x = a * (exp x - 1).
Proof.
  intros a x H; unfold elu. destruct (Rle_dec 0 x); [|reflexivity].
  replace x with 0 by lra; rewrite exp_0; ring.
Qed.

Lemma elu_pos : forall a x, 0 <= x -> elu a x = x.
Proof. intros a x H; unfold elu. destruct (Rle_dec 0 x); lra. Qed.

Lemma elu_piece : forall a x, is_derive (fun t => a * (exp t - 1)) x (a * exp x).
Proof. intros a x; slope. Qed.

Lemma elu_derive_neg : forall a x, x < 0 -> is_derive (elu a) x (a * exp x).
Proof.
  intros a x H.
  apply is_derive_near with (g := fun t => a * (exp t - 1)) (P := fun t => t < 0).
  - apply locally_lt; assumption.
  - intros t Ht; rewrite elu_neg; lra.
  - apply elu_piece.
Qed.

Lemma elu_derive_pos : forall a x, 0 < x -> is_derive (elu a) x 1.
Proof.
  intros a x H. apply is_derive_near with (g := fun t => t) (P := fun t => 0 < t).
  - apply locally_gt; assumption.
  - intros t Ht; rewrite elu_pos; lra.
  - slope.
Qed.

Lemma elu_smooth : is_derive (elu 1) 0 1.
Proof.
  apply joint with (g1 := fun t => 1 * (exp t - 1)) (g2 := fun t => t).
  - rewrite elu_neg; lra.
  - rewrite elu_pos; lra.
  - intros t Ht; apply elu_neg; lra.
  - intros t Ht; apply elu_pos; lra.
  - assert (H := elu_piece 1 0). rewrite exp_0, Rmult_1_r in H. exact H.
  - slope.
Qed.

Lemma elu_kink : forall a, a <> 1 -> ~ ex_derive (elu a) 0.
Proof.
  intros a Ha.
  apply kink with (g1 := fun t => a * (exp t - 1)) (g2 := fun t => t)
    (m1 := a) (m2 := 1) (r := 1); try lra.
  - rewrite elu_neg; lra.
  - rewrite elu_pos; lra.
  - intros h Hh; apply elu_neg; lra.
  - intros h Hh; apply elu_pos; lra.
  - assert (H := elu_piece a 0). rewrite exp_0, Rmult_1_r in H. exact H.
  - slope.
Qed.

Lemma exp_near_0 : forall a eps, 0 < eps -> exists x, x < 0 /\ a - eps <= a * exp x.
Proof.
  intros a eps He. destruct (Rle_or_lt a 0) as [Ha|Ha].
  - exists (-1). split; [lra|].
    assert (exp (-1) < 1) by (rewrite <- exp_0; apply exp_increasing; lra).
    assert (0 < exp (-1)) by apply exp_pos. nra.
  - exists (- (eps / a)). assert (0 < eps / a) by (apply Rdiv_lt_0_compat; lra).
    split; [lra|].
    assert (1 + - (eps / a) <= exp (- (eps / a))) by apply exp_ineq1_le.
    replace (a - eps) with (a * (1 + - (eps / a))) by (field; lra).
    apply Rmult_le_compat_l; lra.
Qed.

Lemma exp_le_1 : forall x, x <= 0 -> 0 < exp x <= 1.
Proof.
  intros x H; split; [apply exp_pos|].
  rewrite <- exp_0. destruct H as [H| ->]; [left; apply exp_increasing; assumption|lra].
Qed.

Lemma elu_lipschitz : forall a, 0 <= a -> lipschitz_constant (elu a) (Rmax 1 a).
Proof.
  intros a Ha. assert (A := Rmax_l 1 a). assert (B := Rmax_r 1 a). split.
  - apply halves_lipschitz with (g1 := fun t => a * (exp t - 1)) (g2 := fun t => t)
      (d1 := fun t => a * exp t) (d2 := fun _ => 1).
    + lra.
    + apply elu_neg.
    + apply elu_pos.
    + apply elu_piece.
    + intros x; slope.
    + intros x Hx; assert (E := exp_le_1 x Hx). rewrite Rabs_pos_eq by nra. nra.
    + intros x _; rewrite Rabs_R1; assumption.
  - intros M HM. apply Rmax_lub.
    + rewrite <- Rabs_R1. apply derivative_below_lipschitz with (elu a) 1; auto.
      apply elu_derive_pos; lra.
    + apply slopes_below_lipschitz with (elu a); [assumption|]. intros eps He.
      destruct (exp_near_0 a eps He) as [x [Hx H]].
      exists x, (a * exp x); split; [apply elu_derive_neg; assumption|].
      eapply Rle_trans; [exact H|apply Rle_abs].
Qed.

(** ** CELU: smooth for every a > 0 *)

Lemma celu_neg : forall a x, x <= 0 -> celu a x = a * (exp (x / a) - 1).
Proof.
  intros a x H; unfold celu. destruct (Rle_dec 0 x); [|reflexivity].
  replace x with 0 by lra. unfold Rdiv; rewrite Rmult_0_l, exp_0; ring.
Qed.

Lemma celu_pos : forall a x, 0 <= x -> celu a x = x.
Proof. intros a x H; unfold celu. destruct (Rle_dec 0 x); lra. Qed.

Lemma celu_piece : forall a x, 0 < a ->
  is_derive (fun t => a * (exp (t / a) - 1)) x (exp (x / a)).
Proof. intros a x Ha; auto_derive; [lra|]. unfold Rdiv; field; lra. Qed.

Lemma celu_derive_neg : forall a x, 0 < a -> x <= 0 -> is_derive (celu a) x (exp (x / a)).
Proof.
  intros a x Ha H. destruct H as [H| ->].
  - apply is_derive_near with (g := fun t => a * (exp (t / a) - 1)) (P := fun t => t < 0).
    + apply locally_lt; assumption.
    + intros t Ht; rewrite celu_neg; lra.
    + apply celu_piece; assumption.
  - apply joint with (g1 := fun t => a * (exp (t / a) - 1)) (g2 := fun t => t).
    + rewrite celu_neg; lra.
    + rewrite celu_pos; lra.
    + intros t Ht; apply celu_neg; lra.
    + intros t Ht; apply celu_pos; lra.
    + apply celu_piece; assumption.
    + unfold Rdiv; rewrite Rmult_0_l, exp_0. slope.
Qed.

Lemma celu_derive_pos : forall a x, 0 < a -> 0 <= x -> is_derive (celu a) x 1.
Proof.
  intros a x Ha H. destruct H as [H|H].
  - apply is_derive_near with (g := fun t => t) (P := fun t => 0 < t).
    + apply locally_gt; assumption.
    + intros t Ht; rewrite celu_pos; lra.
    + slope.
  - subst x. assert (D := celu_derive_neg a 0 Ha (Rle_refl 0)).
    unfold Rdiv in D; rewrite Rmult_0_l, exp_0 in D. exact D.
Qed.

Lemma celu_lipschitz : forall a, 0 < a -> lipschitz_constant (celu a) 1.
Proof.
  intros a Ha. split.
  - apply halves_lipschitz with (g1 := fun t => a * (exp (t / a) - 1)) (g2 := fun t => t)
      (d1 := fun t => exp (t / a)) (d2 := fun _ => 1).
    + lra.
    + apply celu_neg.
    + apply celu_pos.
    + intros x; apply celu_piece; assumption.
    + intros x; slope.
    + intros x Hx. assert (x / a <= 0).
      { unfold Rdiv. assert (0 < / a) by (apply Rinv_0_lt_compat; lra). nra. }
      assert (E := exp_le_1 _ H). rewrite Rabs_pos_eq; lra.
    + intros x _; rewrite Rabs_R1; lra.
  - intros M HM. rewrite <- Rabs_R1. apply derivative_below_lipschitz with (celu a) 1; auto.
    apply celu_derive_pos; lra.
Qed.

(** ** SELU: steepest on the left of 0 *)

Lemma selu_derive_neg : forall l a x, x < 0 -> is_derive (selu l a) x (l * a * exp x).
Proof.
  intros l a x H. unfold selu. rewrite Rmult_assoc.
  apply (is_derive_scal (elu a) x l). apply elu_derive_neg; assumption.
Qed.

Lemma selu_derive_pos : forall l a x, 0 < x -> is_derive (selu l a) x l.
Proof.
  intros l a x H. assert (D := is_derive_scal (elu a) x l 1 (elu_derive_pos a x H)).
  rewrite Rmult_1_r in D. exact D.
Qed.

Lemma selu_lipschitz : forall l a, 0 < l -> 1 <= a -> lipschitz_constant (selu l a) (l * a).
Proof.
  intros l a Hl Ha. destruct (elu_lipschitz a ltac:(lra)) as [E _].
  rewrite Rmax_right in E by lra. split.
  - intros x y; unfold selu. rewrite <- Rmult_minus_distr_l, Rabs_mult, (Rabs_pos_eq l) by lra.
    rewrite Rmult_assoc. apply Rmult_le_compat_l; [lra|apply E].
  - intros M HM. apply slopes_below_lipschitz with (selu l a); [assumption|]. intros eps He.
    destruct (exp_near_0 (l * a) eps He) as [x [Hx H]].
    exists x, (l * a * exp x); split; [apply selu_derive_neg; assumption|].
    eapply Rle_trans; [exact H|apply Rle_abs].
Qed.

Lemma selu_kink : forall l a, l <> 0 -> a <> 1 -> ~ ex_derive (selu l a) 0.
Proof.
  intros l a Hl Ha [d Hd]. apply (elu_kink a Ha). exists (/ l * d).
  apply is_derive_ext with (f := fun t => / l * selu l a t).
  - intros t; unfold selu. change (/ l * (l * elu a t) = elu a t). field; assumption.
  - apply (is_derive_scal (selu l a) 0 (/ l)). exact Hd.
Qed.

(** ** Hard tanh, hard sigmoid, hard SiLU *)

Lemma hard_tanh_left : forall x, x <= -1 -> hard_tanh x = -1.
Proof.
  intros x H; unfold hard_tanh. rewrite Rmin_right by lra. apply Rmax_left; lra.
Qed.

Lemma hard_tanh_mid : forall x, -1 <= x <= 1 -> hard_tanh x = x.
Proof.
  intros x H; unfold hard_tanh. rewrite Rmin_right by lra. apply Rmax_right; lra.
Qed.

Lemma hard_tanh_right : forall x, 1 <= x -> hard_tanh x = 1.
Proof. intros x H; unfold hard_tanh. rewrite Rmin_left by lra. apply Rmax_right; lra. Qed.

Lemma locally_in : forall x a b, a < x < b -> locally x (fun t => a < t < b).
Proof.
  intros x a b [H1 H2]. apply filter_and; [apply locally_gt|apply locally_lt]; assumption.
Qed.

Lemma hard_tanh_derive_mid : forall x, -1 < x < 1 -> is_derive hard_tanh x 1.
Proof.
  intros x H. apply is_derive_near with (g := fun t => t) (P := fun t => -1 < t < 1).
  - apply locally_in; assumption.
  - intros t Ht; rewrite hard_tanh_mid; lra.
  - slope.
Qed.

Lemma hard_tanh_derive_out : forall x, x < -1 \/ 1 < x -> is_derive hard_tanh x 0.
Proof.
  intros x [H|H].
  - apply is_derive_near with (g := fun _ => -1) (P := fun t => t < -1).
    + apply locally_lt; assumption.
    + intros t Ht; rewrite hard_tanh_left; lra.
    + slope.
  - apply is_derive_near with (g := fun _ => 1) (P := fun t => 1 < t).
    + apply locally_gt; assumption.
    + intros t Ht; rewrite hard_tanh_right; lra.
    + slope.
Qed.

Lemma hard_tanh_kinks : ~ ex_derive hard_tanh (-1) /\ ~ ex_derive hard_tanh 1.
Proof.
  split.
  - apply kink with (g1 := fun _ => -1) (g2 := fun t => t) (m1 := 0) (m2 := 1) (r := 1); piece hard_tanh_left hard_tanh_mid.
  - apply kink with (g1 := fun t => t) (g2 := fun _ => 1) (m1 := 1) (m2 := 0) (r := 1); piece hard_tanh_right hard_tanh_mid.
Qed.

Lemma clip_lipschitz : forall lo hi x y, lo <= hi ->
  Rabs (Rmax lo (Rmin hi x) - Rmax lo (Rmin hi y)) <= Rabs (x - y).
Proof.
  intros lo hi x y H. unfold Rmax, Rmin, Rabs.
  repeat destruct Rle_dec; repeat destruct Rcase_abs; lra.
Qed.

Lemma hard_tanh_lipschitz : lipschitz_constant hard_tanh 1.
Proof.
  split.
  - intros x y; rewrite Rmult_1_l; apply clip_lipschitz; lra.
  - intros M HM. rewrite <- Rabs_R1. apply derivative_below_lipschitz with hard_tanh 0; auto.
    apply hard_tanh_derive_mid; lra.
Qed.

Lemma hard_sigmoid_left : forall x, x <= -3 -> hard_sigmoid x = 0.
Proof.
  intros x H; unfold hard_sigmoid. rewrite Rmin_right, Rmax_left by lra. lra.
Qed.

Lemma hard_sigmoid_mid : forall x, -3 <= x <= 3 -> hard_sigmoid x = (x + 3) / 6.
Proof.
  intros x H; unfold hard_sigmoid. rewrite Rmin_right, Rmax_right by lra. lra.
Qed.

Lemma hard_sigmoid_right : forall x, 3 <= x -> hard_sigmoid x = 1.
Proof.
  intros x H; unfold hard_sigmoid. rewrite Rmin_left, Rmax_right by lra. lra.
Qed.

Lemma hard_sigmoid_derive_mid : forall x, -3 < x < 3 -> is_derive hard_sigmoid x (1 / 6).
Proof.
  intros x H.
  apply is_derive_near with (g := fun t => (t + 3) / 6) (P := fun t => -3 < t < 3).
  - apply locally_in; assumption.
  - intros t Ht; rewrite hard_sigmoid_mid; lra.
  - slope.
Qed.

Lemma hard_sigmoid_derive_out : forall x, x < -3 \/ 3 < x -> is_derive hard_sigmoid x 0.
Proof.
  intros x [H|H].
  - apply is_derive_near with (g := fun _ => 0) (P := fun t => t < -3).
    + apply locally_lt; assumption.
    + intros t Ht; rewrite hard_sigmoid_left; lra.
    + slope.
  - apply is_derive_near with (g := fun _ => 1) (P := fun t => 3 < t).
    + apply locally_gt; assumption.
    + intros t Ht; rewrite hard_sigmoid_right; lra.
    + slope.
Qed.

Lemma hard_sigmoid_kinks : ~ ex_derive hard_sigmoid (-3) /\ ~ ex_derive hard_sigmoid 3.
Proof.
  split.
  - apply kink with (g1 := fun _ => 0) (g2 := fun t => (t + 3) / 6)
      (m1 := 0) (m2 := 1 / 6) (r := 1); piece hard_sigmoid_left hard_sigmoid_mid.
  - apply kink with (g1 := fun t => (t + 3) / 6) (g2 := fun _ => 1)
      (m1 := 1 / 6) (m2 := 0) (r := 1); piece hard_sigmoid_right hard_sigmoid_mid.
Qed.

Lemma hard_sigmoid_lipschitz : lipschitz_constant hard_sigmoid (1 / 6).
Proof.
  split.
  - intros x y; unfold hard_sigmoid.
    assert (H := clip_lipschitz 0 6 (x + 3) (y + 3) ltac:(lra)).
    replace (x + 3 - (y + 3)) with (x - y) in H by ring.
    unfold Rdiv; rewrite <- Rmult_minus_distr_r, Rabs_mult, (Rabs_pos_eq (/ 6)) by lra. lra.
  - intros M HM. rewrite <- (Rabs_pos_eq (1 / 6)) by lra.
    apply derivative_below_lipschitz with hard_sigmoid 0; auto.
    apply hard_sigmoid_derive_mid; lra.
Qed.

Lemma hard_silu_mid : forall x, -3 <= x <= 3 -> hard_silu x = x * (x + 3) / 6.
Proof. intros x H; unfold hard_silu; rewrite hard_sigmoid_mid by assumption; lra. Qed.

Lemma hard_silu_left : forall x, x <= -3 -> hard_silu x = 0.
Proof. intros x H; unfold hard_silu; rewrite hard_sigmoid_left by assumption; lra. Qed.

Lemma hard_silu_right : forall x, 3 <= x -> hard_silu x = x.
Proof. intros x H; unfold hard_silu; rewrite hard_sigmoid_right by assumption; lra. Qed.

Lemma hard_silu_piece : forall x, is_derive (fun t => t * (t + 3) / 6) x ((2 * x + 3) / 6).
Proof. intros x; slope. Qed.

Lemma hard_silu_derive_mid : forall x, -3 < x < 3 -> is_derive hard_silu x ((2 * x + 3) / 6).
Proof.
  intros x H.
  apply is_derive_near with (g := fun t => t * (t + 3) / 6) (P := fun t => -3 < t < 3).
  - apply locally_in; assumption.
  - intros t Ht; rewrite hard_silu_mid; lra.
  - apply hard_silu_piece.
Qed.

Lemma hard_silu_derive_left : forall x, x < -3 -> is_derive hard_silu x 0.
Proof.
  intros x H. apply is_derive_near with (g := fun _ => 0) (P := fun t => t < -3).
  - apply locally_lt; assumption.
  - intros t Ht; rewrite hard_silu_left; lra.
  - slope.
Qed.

Lemma hard_silu_derive_right : forall x, 3 < x -> is_derive hard_silu x 1.
Proof.
  intros x H. apply is_derive_near with (g := fun t => t) (P := fun t => 3 < t).
  - apply locally_gt; assumption.
  - intros t Ht; rewrite hard_silu_right; lra.
  - slope.
Qed.

Lemma hard_silu_kinks : ~ ex_derive hard_silu (-3) /\ ~ ex_derive hard_silu 3.
Proof.
  split.
  - apply kink with (g1 := fun _ => 0) (g2 := fun t => t * (t + 3) / 6)
      (m1 := 0) (m2 := (2 * -3 + 3) / 6) (r := 1); 
      try apply hard_silu_piece; piece hard_silu_left hard_silu_mid.
  - apply kink with (g1 := fun t => t * (t + 3) / 6) (g2 := fun t => t)
      (m1 := (2 * 3 + 3) / 6) (m2 := 1) (r := 1); 
      try apply hard_silu_piece; piece hard_silu_right hard_silu_mid.
Qed.

Lemma hard_silu_lipschitz : lipschitz_constant hard_silu (3 / 2).
Proof.
  split.
  - assert (Hmid : forall x y, -3 <= x <= 3 -> -3 <= y <= 3 ->
                   Rabs (hard_silu x - hard_silu y) <= 3 / 2 * Rabs (x - y)).
    { intros x y Hx Hy. rewrite !hard_silu_mid by assumption.
      apply lipschitz_between with (f := fun t => t * (t + 3) / 6)
        (df := fun t => (2 * t + 3) / 6); [lra|]. intros t Ht.
      assert (-3 <= Rmin x y) by (apply Rmin_glb; lra).
      assert (Rmax x y <= 3) by (apply Rmax_lub; lra).
      split; [apply hard_silu_piece|]. apply Rabs_le; lra. }
    assert (Hlow : forall x y, x <= 3 -> y <= 3 ->
                   Rabs (hard_silu x - hard_silu y) <= 3 / 2 * Rabs (x - y)).
    { assert (Hmix : forall x y, x <= -3 -> -3 <= y <= 3 ->
                     Rabs (hard_silu x - hard_silu y) <= 3 / 2 * Rabs (x - y)).
      { intros x y Hx Hy. rewrite (hard_silu_left x), <- (hard_silu_left (-3)) by lra.
        eapply Rle_trans; [apply Hmid; lra|].
        apply Rmult_le_compat_l; [lra|]. rewrite !Rabs_left1; lra. }
      intros x y Hx Hy. destruct (Rle_dec x (-3)), (Rle_dec y (-3)).
      - rewrite !hard_silu_left by assumption. rewrite Rminus_eq_0, Rabs_R0.
        assert (0 <= Rabs (x - y)) by apply Rabs_pos. lra.
      - apply Hmix; lra.
      - rewrite Rabs_minus_sym, (Rabs_minus_sym x y). apply Hmix; lra.
      - apply Hmid; lra. }
    apply lipschitz_glue with 3; [lra|exact Hlow|].
    intros x y Hx Hy. rewrite !hard_silu_right by assumption.
    assert (0 <= Rabs (x - y)) by apply Rabs_pos. lra.
  - intros M HM. apply slopes_below_lipschitz with hard_silu; [assumption|]. intros eps He.
    set (x := 3 - Rmin 1 eps).
    assert (0 < Rmin 1 eps) by (apply Rmin_pos; lra).
    assert (Rmin 1 eps <= 1) by apply Rmin_l. assert (Rmin 1 eps <= eps) by apply Rmin_r.
    exists x, ((2 * x + 3) / 6); split.
    + apply hard_silu_derive_mid; unfold x; lra.
    + rewrite Rabs_pos_eq; unfold x; lra.
Qed.
